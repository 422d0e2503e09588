import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.resources import part_uploads
from service.http.app import create_app

FAR = datetime.max.replace(tzinfo=UTC)
MIB = 1 << 20
CONTENT = bytes(range(256)) * (11 * MIB // 256)
"""Two parts of 5 MiB and one of 1 MiB."""


@pytest.fixture
def s3_http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def announce(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    def post(**changed: Any) -> dict[str, Any]:
        body = {"name": "images.pt", "bytes": len(CONTENT), "part_bytes": 5 * MIB, **changed}
        answer = api.post("/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == answer.json()["links"]["self"]
        document: dict[str, Any] = answer.json()
        return document

    return post


@pytest.fixture
def send(s3_http: httpx.Client) -> Callable[..., None]:
    def put(upload: dict[str, Any], *numbers: int, content: bytes = CONTENT) -> None:
        for part in upload["parts"]:
            if part["number"] in numbers:
                start = (part["number"] - 1) * upload["part_bytes"]
                answer = s3_http.put(part["url"], content=content[start : start + part["bytes"]])
                assert answer.status_code == 200, answer.text

    return put


def test_a_dataset_is_made_of_a_file_sent_in_parts(api: httpx.Client, core: Core, announce: Any, send: Any) -> None:
    upload = announce()
    here, complete = upload["links"]["self"], upload["links"]["complete"]
    assert [(part["number"], part["bytes"]) for part in upload["parts"]] == [(1, 5 * MIB), (2, 5 * MIB), (3, MIB)]
    assert api.get(here, params={"after": 1, "limit": 1}).json()["next_after"] == 2
    send(upload, 3, 1)
    missing = api.post(complete)
    assert (missing.status_code, missing.json()["code"]) == (409, "upload_incomplete")
    assert [why["location"] for why in missing.json()["reasons"]] == ["parts.2"]
    early = api.post("/v1/datasets", json={"name": "a", "role": "source", "upload_ids": [upload["id"]]})
    assert [(why["location"], why["rule"]) for why in early.json()["reasons"]] == [("body.upload_ids.0", "is_complete")]
    again = api.get(here).json()
    assert [part["received"] for part in again["parts"]] == [True, False, True]
    assert [part["url"] is None for part in again["parts"]] == [True, False, True]
    send(again, 2)
    for _ in range(2):
        done = api.post(complete).json()
        assert (done["state"], done["parts"]) == ("complete", [])
        assert done["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    wrong = api.post("/v1/datasets", json={"name": "", "role": "source", "upload_ids": [upload["id"]]})
    assert [why["location"] for why in wrong.json()["reasons"]] == ["body.name"]
    answer = api.post("/v1/datasets", json={"name": "a", "role": "source", "upload_ids": [upload["id"]]})
    assert answer.status_code == 202, answer.text
    dataset = answer.json()
    assert dataset["files"] == [{"name": "images.pt", "bytes": len(CONTENT), "sha256": done["sha256"]}]
    job = core.store.load(dataset["job"])
    assert job is not None
    (key,) = job.tasks[0].inputs["uploads"].files or ()
    assert core.storage.digest(key) == done["sha256"]
    used = api.post("/v1/datasets", json={"name": "a", "role": "source", "upload_ids": [upload["id"]]})
    assert [(why["location"], why["rule"]) for why in used.json()["reasons"]] == [("body.upload_ids.0", "not_found")]
    assert api.get(here).status_code == api.delete(here).status_code == 404
    api.post(f"/v1/jobs/{dataset['job']}/cancel")
    assert core.storage.list_keys("uploads/") == []


def test_a_labeler_is_made_of_one(api: httpx.Client, worker: Any, announce: Any, send: Any) -> None:
    upload = announce(bytes=1000)
    send(upload, 1, content=bytes(1000))
    api.post(upload["links"]["complete"])
    described = {
        "name": "w",
        "kind": "weights",
        "architecture": "ConvNetD3",
        "source_dataset": worker.ready_set("source"),
    }
    none = api.post("/v1/labelers", json=described)
    assert [(why["location"], why["rule"]) for why in none.json()["reasons"]] == [
        ("body.upload_ids", "number_of_files")
    ]
    answer = api.post("/v1/labelers", json=described | {"upload_ids": [upload["id"]]})
    assert (answer.status_code, answer.json()["kind"]) == (202, "import_labeler")


def test_a_wrong_digest_ends_the_upload(api: httpx.Client, core: Core, announce: Any, send: Any) -> None:
    upload = announce(bytes=1000, sha256="0" * 64)
    send(upload, 1)
    answer = api.post(upload["links"]["complete"])
    assert [(why["location"], why["rule"]) for why in answer.json()["reasons"]] == [("body.sha256", "digest")]
    assert api.get(upload["links"]["self"]).status_code == 404
    assert core.storage.list_keys("uploads/") == []


def test_a_link_takes_its_part_alone(announce: Any, s3_http: httpx.Client) -> None:
    upload = announce()
    first = upload["parts"][0]["url"]
    for url, content in (
        (first, CONTENT[: 5 * MIB + 1]),
        (first.replace("partNumber=1", "partNumber=2"), CONTENT[: 5 * MIB]),
    ):
        assert s3_http.put(url, content=content).status_code == 403


def test_discarded(api: httpx.Client, core: Core, announce: Any, send: Any) -> None:
    upload = announce()
    send(upload, 1)
    assert api.delete(upload["links"]["self"]).status_code == 204
    assert api.post(upload["links"]["complete"]).status_code == 404
    key = f"uploads/{upload['id']}/file_000"
    assert [found for found in core.storage.parts.begun_before(FAR) if found[0] == key] == []


def test_an_upload_is_another_tenants_in_no_way(api: httpx.Client, core: Core, announce: Any) -> None:
    upload = announce(bytes=10)
    theirs = core.acting_for("theirs")
    for touch in (
        lambda: part_uploads.view(theirs, upload["id"], 0, 1),
        lambda: part_uploads.complete(theirs, upload["id"]),
        lambda: part_uploads.discard(theirs, upload["id"]),
    ):
        with pytest.raises(ServiceError, check=lambda error: error.code is ErrorCode.NOT_FOUND):
            touch()
    with pytest.raises(ServiceError, check=lambda error: error.reasons[0].rule == "not_found"):
        part_uploads.as_files(theirs, [upload["id"]])
    assert api.get(upload["links"]["self"]).status_code == 200


def test_refused_announcements(api: httpx.Client) -> None:
    for change, code, location in (
        ({"bytes": 0}, "invalid_request", "body.bytes"),
        ({"name": "../x"}, "invalid_request", "body.name"),
        ({"bytes": 8 << 30, "part_bytes": 5 * MIB, "name": "ok"}, None, None),
        ({"bytes": (8 << 30) + 1}, "upload_too_large", None),
        ({"part_bytes": 1024}, "invalid_request", "body.part_bytes"),
        ({"sha256": "x"}, "invalid_request", "body.sha256"),
    ):
        answer = api.post("/v1/uploads", json={"name": "a.pt", "bytes": 10, **change}).json()
        assert answer.get("code") == code, answer
        if location:
            assert [why["location"] for why in answer["reasons"]] == [location]
    nothing = api.post("/v1/datasets", json={"name": "a", "role": "source"})
    assert [why["location"] for why in nothing.json()["reasons"]] == ["body.upload_ids"]
    odd = api.post("/v1/datasets", json={"name": "a", "role": "source", "upload_ids": ["x"]})
    assert [why["location"] for why in odd.json()["reasons"]] == ["body.upload_ids.0"]
    assert api.post("/v1/datasets", json=[1]).json()["code"] == "invalid_request"


def test_links_lead_to_the_public_endpoint(settings: Settings, serve: Any) -> None:
    public = settings.model_copy(update={"s3_public_endpoint_url": "https://storage.example"})
    with serve(create_app(public)) as api:
        upload = api.post("/v1/uploads", json={"name": "a.pt", "bytes": 10}).json()
    assert upload["parts"][0]["url"].startswith("https://storage.example/")
