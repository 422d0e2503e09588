"""Access: nobody comes in without a key where there is one, and each only to what is theirs."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.resources import api_keys
from service.core.resources.api_keys import Scope
from service.http import key_ring
from service.http.app import create_app
from service.http.key_ring import KeyRing

NOBODY = f"job_{'0' * 26}"
FORM: list[tuple[str, Any]] = [
    ("metadata", (None, json.dumps({"name": "a set", "role": "source"}))),
    ("files", ("a.pt", b"1")),
]
REQUEST = {"kind": "train_labeler", "params": {"source_dataset": f"ds_{'0' * 26}"}}


@pytest.fixture
def keyed(make_key: Callable[..., str], api: httpx.Client) -> Iterator[Callable[..., httpx.Client]]:
    """Make a client that has a key of a tenant, on a front that has been locked by one."""
    opened: list[httpx.Client] = []

    def client(tenant: str, *scopes: Scope) -> httpx.Client:
        headers = bearer(make_key(tenant, *scopes))
        opened.append(httpx.Client(base_url=api.base_url, headers=headers, trust_env=False))
        return opened[-1]

    client("nobody", Scope.READ)
    yield client
    for each in opened:
        each.close()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_without_keys_everybody_on_this_machine_comes_in(api: httpx.Client) -> None:
    assert api.get("/v1/jobs").status_code == 200
    assert api.get("/v1/jobs", headers=bearer("anything")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"X-Forwarded-For": "192.0.2.1"},
    ],
)
def test_without_keys_pages_of_other_sites_and_other_machines_stay_out(
    standing_api: httpx.Client, headers: dict[str, str]
) -> None:
    answer = standing_api.post("/v1/datasets", files=FORM, headers=headers)
    assert code(answer) == (403, ErrorCode.FORBIDDEN)
    assert "service.keys create" in answer.json()["detail"]


def test_a_page_of_our_own_comes_in(standing_api: httpx.Client) -> None:
    own = f"http://{standing_api.base_url.host}:{standing_api.base_url.port}"
    assert standing_api.get("/v1/jobs", headers={"Origin": own}).status_code == 200


def test_the_first_key_locks_a_front_that_is_running(
    api: httpx.Client,
    core: Core,
    wait_until: Callable[[Callable[[], bool]], None],
    forget_keys: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_ring, "REFRESH_SECONDS", 0.1)
    assert api.get("/v1/jobs").status_code == 200
    _, secret = api_keys.create(core, "default", "first", [Scope.READ])
    wait_until(lambda: api.get("/v1/jobs").status_code == 401)
    assert api.get("/v1/jobs", headers=bearer(secret)).status_code == 200
    api_keys.revoke(core, api_keys.stored(core.storage)[0].id)
    wait_until(lambda: api.get("/v1/jobs", headers=bearer(secret)).status_code == 401)
    assert api.get("/v1/jobs").status_code == 401
    # Redis may lose what it knows: nobody comes in for that.
    core.redis.flushall()
    assert api.get("/v1/jobs").status_code == 401


def test_every_route_wants_a_key_except_signs_of_life_and_documentation(keyed: Any) -> None:
    caller = keyed("acme", Scope.READ)
    document = caller.get("/openapi.json", headers={"Authorization": ""}).json()
    refused = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            url = path.format(
                job_id=NOBODY,
                dataset_id=f"ds_{'0' * 26}",
                labeler_id=f"lb_{'0' * 26}",
                upload_id=f"up_{'0' * 26}",
                webhook_id=f"wh_{'0' * 26}",
                message_id=f"msg_{'0' * 26}",
                **ANY_OF_PATH,
            )
            answer = caller.request(method, url, headers={"Authorization": ""})
            refused[operation["operationId"]] = answer.status_code == 401
            assert refused[operation["operationId"]] == ("security" in operation)
    assert {name for name, was_refused in refused.items() if not was_refused} == {"health_livez", "health_readyz"}
    for path in ("/nowhere", "/v1", "/docs/oauth2-redirect", "/docs/"):
        assert caller.get(path, headers={"Authorization": ""}).status_code == 401, path
    escaped = caller.get("/static-offline-docs/%2e%2e/v1/jobs", headers={"Authorization": ""})
    assert escaped.status_code == 404
    for path in ("/docs", "/openapi.json", "/static-offline-docs/swagger-ui.css", "/livez", "/readyz"):
        assert caller.get(path, headers={"Authorization": ""}).status_code == 200, path


ANY_OF_PATH = {"index": 0, "name": "x", "form": "md", "epoch": 1, "sha256": "0" * 64}


def test_what_is_no_key_gets_401_with_a_challenge(keyed: Any) -> None:
    caller = keyed("acme", Scope.READ)
    for sent in ("", "Bearer", "Bearer ladd_guess", "Basic YTpi", "ladd_guess"):
        answer = caller.get("/v1/jobs", headers={"Authorization": sent})
        assert code(answer) == (401, ErrorCode.UNAUTHENTICATED), sent
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="LADD"'
        assert answer.headers["X-Request-ID"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_body_is_not_read_before_the_key_is_seen(keyed: Any) -> None:
    url = keyed("acme", Scope.READ).base_url
    with socket.create_connection((url.host, url.port)) as connection:
        # Of the body that this announces nothing is ever sent.
        head = "POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b"
        connection.sendall(f"{head}\r\nContent-Length: 1000000\r\n\r\n".encode())
        connection.settimeout(20)
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_scopes(keyed: Any) -> None:
    for scopes, may in [
        ([Scope.READ], (200, 403, 403)),
        ([Scope.WRITE], (403, 422, 404)),
        ([Scope.READ, Scope.WRITE], (200, 422, 404)),
        ([Scope.ADMIN], (200, 422, 404)),
    ]:
        caller = keyed("acme", *scopes)
        answers = (
            caller.get("/v1/jobs"),
            caller.post("/v1/jobs", json=REQUEST),
            caller.delete(f"/v1/datasets/ds_{'0' * 26}"),
        )
        assert tuple(answer.status_code for answer in answers) == may, scopes
        for answer in answers:
            if answer.status_code == 403:
                assert code(answer) == (403, ErrorCode.FORBIDDEN)
                assert "scope" in answer.json()["detail"]


def test_tenants_see_their_own_and_an_admin_sees_all(keyed: Any) -> None:
    ours, theirs = (keyed(tenant, Scope.READ, Scope.WRITE) for tenant in ("ours", "theirs"))
    admin = keyed("operators", Scope.ADMIN)
    made = ours.post("/v1/datasets", files=FORM).json()
    links = (made["links"]["self"], made["links"]["job"], f"{made['links']['job']}/events")
    for link in links:
        json_only = {"Accept": "application/json"}
        assert ours.get(link, headers=json_only).status_code == 200
        assert admin.get(link, headers=json_only).status_code == 200
        assert code(theirs.get(link, headers=json_only)) == (404, ErrorCode.NOT_FOUND)
    assert code(theirs.get(links[2])) == (404, ErrorCode.NOT_FOUND)
    for path in ("/v1/datasets", "/v1/jobs"):
        found = [len(caller.get(path).json()["items"]) for caller in (ours, theirs, admin)]
        assert found == [1, 0, 1]
    assert theirs.post(f"{links[1]}/cancel").status_code == 404
    assert theirs.post(f"{links[1]}/retry").status_code == 404
    assert theirs.delete(links[0]).status_code == 404
    assert ours.get(links[1]).json()["state"] == "queued"
    # A job that an admin starts is made of their own tenant's things.
    train = {"kind": "train_labeler", "params": {"source_dataset": made["id"]}}
    assert admin.post("/v1/jobs", json=train).json()["reasons"][0]["rule"] == "not_found"
    assert made["id"] in ours.post("/v1/jobs", json=train).json()["waiting"]
    assert admin.post(f"{links[1]}/cancel").json()["state"] == "canceled"
    assert admin.delete(links[0]).status_code == 204
    assert ours.get(links[0]).status_code == 404


def test_above_a_quota_requests_get_429(settings: Settings, serve: Any) -> None:
    policies = {
        "queued_jobs": ('"queued_jobs";q=1', '"queued_jobs";r=0'),
        "stored_bytes": ('"stored_bytes";q=1', '"stored_bytes";r=0'),
        "uploads_per_minute": ('"uploads";q=1;w=60', '"uploads";r=0;t='),
    }
    for quota, (policy, remaining) in policies.items():
        with serve(create_app(settings.model_copy(update={f"quota_{quota}": 1}))) as api:
            for _ in range(3):  # the minute may end between two of them
                answer = api.post("/v1/datasets", files=FORM)
        assert code(answer) == (429, ErrorCode.QUOTA_EXCEEDED), quota
        assert answer.headers["RateLimit-Policy"] == policy
        assert answer.headers["RateLimit"].startswith(remaining)
        assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_a_thousand_lookups_cost_one_look_into_redis(
    core: Core, monkeypatch: pytest.MonkeyPatch, forget_keys: None
) -> None:
    _, secret = api_keys.create(core, "acme", "busy", [Scope.READ])
    looks = 0
    indexed = api_keys.indexed

    def counted(core: Core) -> dict[str, api_keys.ApiKey]:
        nonlocal looks
        looks += 1
        return indexed(core)

    monkeypatch.setattr(api_keys, "indexed", counted)
    monkeypatch.setattr(key_ring, "REFRESH_SECONDS", 3600)

    async def poll() -> None:
        ring = KeyRing(core)
        for _ in range(1000):
            assert await ring.find(secret) is not None
        assert not await ring.is_empty()

    asyncio.run(poll())
    assert looks == 1


def test_a_stream_of_events_ends_when_its_key_is_revoked(
    keyed: Any, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "REFRESH_SECONDS", 0.1)
    caller = keyed("acme", Scope.READ, Scope.WRITE)
    job = caller.post("/v1/datasets", files=FORM).json()["links"]["job"]
    with caller.stream("GET", f"{job}/events") as stream:
        lines = stream.iter_lines()
        assert any(line.startswith("event: state") for line in lines)
        (own,) = (key for key in api_keys.stored(core.storage) if key.tenant == "acme")
        api_keys.revoke(core, own.id)
        # It would go on for as long as the job waits.
        assert not any(line.startswith("event: state") for line in lines)
    assert caller.get(job).status_code == 401
