"""`Idempotency-Key` on every POST: a repeated request gives what the first one made, another one is refused."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.resources.api_keys import Scope
from service.http.app import create_app

Post = Callable[..., httpx.Response]
REPLAYED = "Idempotent-Replayed"
KEY = {"Idempotency-Key": "once"}


def form(boundary: str = "b1", content: bytes = b"12345", **metadata: Any) -> dict[str, Any]:
    """A request for `httpx`: a set of one file, which a caller has split by some boundary."""
    parts: list[tuple[str, Any]] = [
        ("metadata", (None, json.dumps({"name": "a set", "role": "source", **metadata}))),
        ("files", ("a.pt", content)),
    ]
    return {"files": parts, "headers": KEY | {"Content-Type": f"multipart/form-data; boundary={boundary}"}}


def reused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_every_post_takes_a_key() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    for path, operations in paths.items():
        if "post" in operations:
            named = [parameter["name"] for parameter in operations["post"].get("parameters", [])]
            assert "idempotency-key" in [name.lower() for name in named], path
            refused = operations["post"]["responses"]["422"]["description"]
            assert "`idempotency_key_reused`" in refused, path
            assert "`invalid_request`" in refused, path


def test_a_set_is_made_once_however_its_form_is_split(api: httpx.Client, core: Core) -> None:
    first = api.post("/v1/datasets", **form("b1"))
    again = api.post("/v1/datasets", **form("another"))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert reused(api.post("/v1/datasets", **form(content=b"other")))
    assert reused(api.post("/v1/datasets", **form(name="another name")))
    (only,) = api.get("/v1/datasets").json()["items"]
    assert only["id"] == first.json()["id"]
    # The bytes of the repetitions are gone again.
    owners = {key.split("/")[1] for key in core.storage.list_keys("uploads/")}
    assert owners == {only["id"]}


def test_sets_sent_at_the_same_time_with_one_key_are_one(api: httpx.Client, core: Core) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda number: api.post("/v1/datasets", **form(f"b{number}")), range(3)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [REPLAYED in answer.headers for answer in answers].count(False) == 1
    (only,) = api.get("/v1/datasets").json()["items"]
    for folder in ("uploads/", "datasets/"):
        assert {key.split("/")[1] for key in core.storage.list_keys(folder)} == {only["id"]}


def test_a_set_of_parts_is_made_once_though_its_parts_are_used_up(api: httpx.Client) -> None:
    upload = api.post("/v1/uploads", json={"name": "a.pt", "bytes": 5}).json()
    httpx.put(upload["parts"][0]["url"], content=b"12345", trust_env=False).raise_for_status()
    assert api.post(upload["links"]["complete"]).status_code == 200
    body = {"name": "a set", "role": "source", "upload_ids": [upload["id"]]}
    first, again = (api.post("/v1/datasets", json=body, headers=KEY) for _ in range(2))
    assert again.json()["id"] == first.json()["id"]
    assert again.headers[REPLAYED] == "true"
    assert reused(api.post("/v1/datasets", json=body | {"name": "other"}, headers=KEY))
    # Without the key they are refused as ever.
    assert api.post("/v1/datasets", json=body).json()["reasons"][0]["rule"] == "not_found"


def test_an_upload_is_announced_once(api: httpx.Client) -> None:
    body = {"name": "a.pt", "bytes": 5}
    first, again = (api.post("/v1/uploads", json=body, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert reused(api.post("/v1/uploads", json=body | {"bytes": 6}, headers=KEY))


def test_uploads_announced_at_the_same_time_are_one(api: httpx.Client, core: Core) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: api.post("/v1/uploads", json={"name": "a.pt", "bytes": 5}, headers=KEY), range(4))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(core.redis.keys("ladd:upload:*")) == 1


def test_a_labeler_is_imported_once(api: httpx.Client, worker: Any) -> None:
    document = {
        "name": "mine",
        "kind": "weights",
        "architecture": "ConvNetD3",
        "source_dataset": worker.ready_set("source"),
    }
    parts: list[tuple[str, Any]] = [("metadata", (None, json.dumps(document))), ("files", ("w.safetensors", b"1"))]
    first, again = (api.post("/v1/labelers", files=parts, headers=KEY) for _ in range(2))
    assert first.status_code == 202, first.text
    assert again.json()["id"] == first.json()["id"]
    assert again.headers[REPLAYED] == "true"


def test_a_key_stands_for_one_route_and_one_thing(api: httpx.Client, worker: Any) -> None:
    source = worker.ready_set("source")
    train = {"kind": "train_labeler", "params": {"source_dataset": source}}
    job, other = (api.post("/v1/jobs", json=train, headers={"Idempotency-Key": key}).json() for key in ("j1", "j2"))
    for _ in range(2):
        assert api.post(f"/v1/jobs/{job['id']}/cancel", headers=KEY).json()["state"] == "canceled"
    assert reused(api.post(f"/v1/jobs/{other['id']}/cancel", headers=KEY))
    assert reused(api.post(f"/v1/jobs/{job['id']}/retry", headers=KEY))
    assert reused(api.post("/v1/jobs", json=train, headers=KEY))
    assert reused(api.post(f"/v1/jobs/{job['id']}/cancel", headers={"Idempotency-Key": "j1"}))
    assert api.get(f"/v1/jobs/{other['id']}").json()["state"] == "queued"


def test_what_was_refused_may_be_sent_again_with_its_key(api: httpx.Client) -> None:
    assert api.post("/v1/datasets", **form(role="neither")).status_code == 422
    assert api.post("/v1/datasets", **form()).status_code == 202


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/uploads", f"/v1/jobs/job_{'0' * 26}/cancel"])
def test_a_key_has_a_length(api: httpx.Client, path: str) -> None:
    for key in ("", "k" * 256):
        answer = api.post(path, json={"name": "a.pt", "bytes": 5}, headers={"Idempotency-Key": key})
        assert answer.status_code == 422
        assert re.fullmatch("header.idempotency-key", answer.json()["reasons"][0]["location"], re.IGNORECASE)


def test_two_tenants_may_use_the_same_key(api: httpx.Client, make_key: Callable[..., str]) -> None:
    ids = set()
    for tenant in ("ours", "theirs"):
        secret = make_key(tenant, Scope.READ, Scope.WRITE)
        sent = form()
        sent["headers"] |= {"Authorization": f"Bearer {secret}"}
        ids.add(api.post("/v1/datasets", **sent).json()["id"])
    assert len(ids) == 2
