"""`/v1/webhooks` with a real receiver: made, told of jobs, tested, looked at, changed, deleted."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from ladd_client.webhooks import verify

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.resources.api_keys import Scope
from tests.receiver import Receiver

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_private": "127.0.0.1", "quota_webhooks": 2})


def create(api: httpx.Client, url: str, *events: str, **fields: Any) -> Any:
    answer = api.post("/v1/webhooks", json={"url": url, "events": list(events) or ["job.*"], **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return answer.json()


def delivered(api: httpx.Client, location: str, state: str = "succeeded") -> bool:
    return bool(api.get(location).json()["state"] == state)


def test_the_end_of_a_job_arrives(api: httpx.Client, worker: Any, receiver: Receiver, wait_until: Wait) -> None:
    hook = create(api, receiver.url, "dataset.ready", description="mine")
    dataset = worker.ready_set()
    wait_until(lambda: bool(receiver.received))
    [got] = receiver.received
    payload = verify(got.headers, got.body, hook["secret"])
    assert payload["type"] == "dataset.ready"
    assert payload["data"]["id"] == dataset
    assert api.get(payload["data"]["links"]["self"]).json()["state"] == payload["data"]["state"] == "ready"
    wait_until(lambda: api.get(hook["links"]["deliveries"]).json()["items"][0]["state"] == "succeeded")
    page = api.get(hook["links"]["deliveries"]).json()
    [delivery] = page["items"]
    assert page["next_cursor"] is None
    assert (delivery["id"], delivery["type"]) == (got.headers["webhook-id"], "dataset.ready")
    assert (delivery["payload"], delivery["next_attempt_at"]) == (payload, None)
    [attempt] = delivery["attempts"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 204, None)
    assert api.get(delivery["links"]["self"]).json() == delivery


def test_the_secret_is_shown_once(api: httpx.Client, receiver: Receiver) -> None:
    hook = create(api, receiver.url)
    secret = hook.pop("secret")
    assert secret.startswith("whsec_")
    assert api.get(hook["links"]["self"]).json() == hook
    assert api.get("/v1/webhooks").json() == {"items": [hook]}
    changed = api.patch(hook["links"]["self"], json={"description": "other"}).json()
    assert changed == hook | {"description": "other"}
    rotated = api.post(f"{hook['links']['self']}/rotate-secret").json()
    assert rotated.pop("secret") != secret
    assert rotated == changed


def test_a_test_and_a_redelivery(api: httpx.Client, receiver: Receiver, wait_until: Wait) -> None:
    receiver.statuses, receiver.answer = [500], b"<h1>no</h1>"
    hook = create(api, receiver.url)
    answer = api.post(f"{hook['links']['self']}/test")
    assert (answer.status_code, answer.json()["type"]) == (202, "webhook.test")
    location = answer.headers["Location"]
    wait_until(lambda: bool(api.get(location).json()["attempts"]))
    delivery = api.get(location).json()
    assert delivery["state"] == "pending"
    assert delivery["next_attempt_at"] > delivery["created_at"]
    assert (delivery["attempts"][0]["status"], delivery["attempts"][0]["answer"]) == (500, "<h1>no</h1>")
    assert api.get(hook["links"]["self"]).json()["failing_since"] is not None
    # At once, without waiting for the pause.
    again = api.post(delivery["links"]["redeliver"])
    assert (again.status_code, again.headers["Location"]) == (202, location)
    wait_until(lambda: delivered(api, location))
    assert receiver.ids == [delivery["id"]] * 2
    assert api.get(hook["links"]["self"]).json()["failing_since"] is None


def test_a_rotated_secret_signs_beside_the_old_one(api: httpx.Client, receiver: Receiver, wait_until: Wait) -> None:
    hook = create(api, receiver.url)
    new = api.post(f"{hook['links']['self']}/rotate-secret").json()["secret"]
    api.post(f"{hook['links']['self']}/test")
    wait_until(lambda: bool(receiver.received))
    [got] = receiver.received
    for secret in (hook["secret"], new):
        assert verify(got.headers, got.body, secret)["type"] == "webhook.test"


@pytest.mark.parametrize(
    ("body", "location", "rule"),
    [
        ({"url": "https://10.0.0.1/"}, "body.url", "is_webhook_url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "body.url", "is_webhook_url"),
        ({"url": "https://user:word@hooks.example/"}, "body.url", "is_webhook_url"),
        ({"url": "ftp://hooks.example/"}, "body.url", "string_pattern_mismatch"),
        ({"url": "https://127.0.0.1/", "events": []}, "body.events", "too_short"),
        ({"url": "https://127.0.0.1/", "events": ["job.done"]}, "body.events.0", "enum"),
        ({"url": "https://127.0.0.1/", "secret": "mine"}, "body.secret", "extra_forbidden"),
    ],
)
def test_what_is_refused(api: httpx.Client, body: dict[str, Any], location: str, rule: str) -> None:
    answer = api.post("/v1/webhooks", json={"events": ["job.*"]} | body)
    assert answer.status_code == 422
    [reason] = answer.json()["reasons"]
    assert (reason["location"], reason["rule"]) == (location, rule)
    assert api.get("/v1/webhooks").json() == {"items": []}


def test_a_change_of_url_is_looked_at_as_well(api: httpx.Client, receiver: Receiver) -> None:
    hook = create(api, receiver.url)
    answer = api.patch(hook["links"]["self"], json={"url": "https://[::1]/"})
    assert answer.json()["reasons"][0]["location"] == "body.url"
    assert api.get(hook["links"]["self"]).json()["url"] == receiver.url


def test_a_tenant_has_so_many(api: httpx.Client, receiver: Receiver) -> None:
    for _ in range(2):
        create(api, receiver.url)
    answer = api.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.*"]})
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert answer.headers["RateLimit-Policy"] == '"webhooks";q=2'


def test_one_that_is_disabled_says_so(api: httpx.Client, receiver: Receiver, wait_until: Wait) -> None:
    receiver.statuses = [410]
    hook = create(api, receiver.url)
    here = hook["links"]["self"]
    location = api.post(f"{here}/test").headers["Location"]
    wait_until(lambda: not api.get(here).json()["enabled"])
    assert api.get(here).json()["disabled_reason"] == "It answered 410 Gone."
    assert delivered(api, location, "failed")
    answer = api.post(f"{here}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")
    assert api.patch(here, json={"enabled": True}).json()["disabled_reason"] is None
    api.post(f"{location}/redeliver")
    wait_until(lambda: delivered(api, location))


def test_what_is_deleted_is_gone(api: httpx.Client, receiver: Receiver) -> None:
    here = create(api, receiver.url)["links"]["self"]
    assert api.delete(here).status_code == 204
    for method, path in [
        ("GET", here),
        ("DELETE", here),
        ("PATCH", here),
        ("GET", f"{here}/deliveries"),
        ("POST", f"{here}/test"),
        ("POST", f"{here}/rotate-secret"),
        ("GET", f"{here}/deliveries/msg_{'0' * 26}"),
        ("POST", f"{here}/deliveries/msg_{'0' * 26}/redeliver"),
    ]:
        answer = api.request(method, path, json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)


def test_keys_of_two_tenants(
    api: httpx.Client, core: Core, make_key: Callable[..., str], receiver: Receiver, wait_until: Wait
) -> None:
    ours, theirs, reader = (
        {"Authorization": f"Bearer {make_key(tenant, *scopes)}"}
        for tenant, scopes in (
            ("ours", (Scope.READ, Scope.WRITE)),
            ("theirs", (Scope.READ, Scope.WRITE, Scope.ADMIN)),
            ("ours", (Scope.READ,)),
        )
    )
    body = {"url": receiver.url, "events": ["job.*"]}
    assert api.post("/v1/webhooks", json=body, headers=reader).status_code == 403
    hook = api.post("/v1/webhooks", json=body, headers=ours).json()
    assert api.get(hook["links"]["self"], headers=reader).status_code == 200
    assert api.get(hook["links"]["self"], headers=theirs).status_code == 404
    assert api.get("/v1/webhooks", headers=theirs).json() == {"items": []}
