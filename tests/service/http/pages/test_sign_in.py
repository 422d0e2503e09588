"""Sessions of browsers: a cookie that only our own pages use, ended with the key, the clock or the visitor."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.resources import api_keys, sessions
from service.core.resources.api_keys import Scope
from service.http import key_ring
from service.http.access import COOKIE, TOKEN_HEADER

Browser = Callable[[str], httpx.Client]


@pytest.fixture
def browser(api: httpx.Client) -> Iterator[Browser]:
    """Sign in with a key, as a browser that sends its cookies and the origin of its pages."""
    opened: list[httpx.Client] = []

    def sign_in(secret: str) -> httpx.Client:
        origin = str(api.base_url).rstrip("/")
        client = httpx.Client(base_url=api.base_url, headers={"Origin": origin, "Accept": "text/html"}, trust_env=False)
        opened.append(client)
        answer = client.post("/sign-in", data={"key": secret, "to": "/jobs"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs"), answer.text
        return client

    yield sign_in
    for client in opened:
        client.close()


def token_of(client: httpx.Client) -> str:
    return sessions.form_token(client.cookies[COOKIE])


def test_who_has_no_session_is_sent_to_sign_in_and_back(api: httpx.Client, make_key: Callable[..., str]) -> None:
    make_key("ours", Scope.READ)
    answer = api.get("/jobs?state=running", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?to=%2Fjobs%3Fstate%3Drunning")
    form = api.get(answer.headers["Location"])
    assert 'name="to" value="/jobs?state=running"' in form.text
    # A program is told what to send.
    assert api.get("/v1/jobs").status_code == 401


def test_a_key_opens_a_session_that_scripts_cannot_read(api: httpx.Client, make_key: Callable[..., str]) -> None:
    origin = {"Origin": str(api.base_url).rstrip("/")}
    answer = api.post("/sign-in", data={"key": make_key("ours", Scope.READ)}, headers=origin)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert f"Max-Age={sessions.SECONDS}" in cookie
    wrong = api.post("/sign-in", data={"key": "ladd_wrong"}, headers=origin)
    assert wrong.status_code == 401
    assert "not valid" in wrong.text
    assert "Set-Cookie" not in wrong.headers


def test_a_session_sees_what_its_key_sees(browser: Browser, make_key: Callable[..., str]) -> None:
    ours, theirs = browser(make_key("ours", Scope.READ, Scope.WRITE)), browser(make_key("theirs", Scope.READ))
    form: list[tuple[str, Any]] = [
        ("metadata", (None, '{"name": "ours alone", "role": "source"}')),
        ("files", ("a.pt", b"1")),
    ]
    sent = ours.post("/v1/datasets", files=form, headers={TOKEN_HEADER: token_of(ours)})
    assert sent.status_code == 202, sent.text
    assert "ours alone" in ours.get("/sets").text
    assert "ours alone" not in theirs.get("/sets").text
    assert theirs.get(f"/sets/{sent.json()['id']}").status_code == 404


def test_changes_need_the_token_of_the_page_and_its_origin(browser: Browser, make_key: Callable[..., str]) -> None:
    client = browser(make_key("ours", Scope.READ, Scope.WRITE))
    body = {"kind": "train_labeler", "params": {"source_dataset": f"ds_{'0' * 26}"}}
    named = {TOKEN_HEADER: token_of(client)}
    assert client.post("/v1/jobs", json=body).status_code == 403
    assert client.post("/v1/jobs", json=body, headers=named | {"Origin": "https://evil.test"}).status_code == 403
    assert client.post("/v1/jobs", json=body, headers={TOKEN_HEADER: "0" * 64}).status_code == 403
    assert client.post("/v1/jobs", json=body, headers=named).status_code == 422


def test_no_page_of_another_site_signs_anybody_in_or_out(
    api: httpx.Client, browser: Browser, make_key: Callable[..., str]
) -> None:
    secret = make_key("ours", Scope.READ)
    client, evil = browser(secret), {"Origin": "https://evil.test"}
    assert api.post("/sign-in", data={"key": secret}, headers=evil).status_code == 403
    assert client.post("/sign-out", headers=evil).status_code == 403
    assert client.get("/jobs").status_code == 200


def test_nobody_is_sent_to_another_site(api: httpx.Client, make_key: Callable[..., str]) -> None:
    origin = {"Origin": str(api.base_url).rstrip("/")}
    secret = make_key("ours", Scope.READ)
    for target in ("https://evil.test/", "//evil.test", "/\\evil.test", "jobs"):
        answer = api.post("/sign-in", data={"key": secret, "to": target}, headers=origin)
        assert answer.headers["Location"] == "/"


def test_a_session_ends_with_its_visitor_its_key_and_the_clock(
    browser: Browser, make_key: Callable[..., str], core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = make_key("ours", Scope.READ)
    out, revoked, late = (browser(secret) for _ in range(3))
    assert core.redis.ttl(redis_keys.session(sessions._digest(late.cookies[COOKIE]))) > sessions.SECONDS - 60
    assert out.post("/sign-out").headers["Location"] == "/sign-in"
    assert out.get("/jobs").status_code == 303
    core.redis.delete(redis_keys.session(sessions._digest(late.cookies[COOKIE])))
    assert late.get("/jobs").status_code == 303
    [key] = [key for key in api_keys.stored(core.storage) if key.sha256 == api_keys.digest_of(secret)]
    monkeypatch.setattr(key_ring, "REFRESH_SECONDS", 0.0)
    api_keys.revoke(core, key.id)
    assert revoked.get("/jobs").status_code == 303


def test_redis_holds_no_token(browser: Browser, make_key: Callable[..., str], core: Core) -> None:
    token = browser(make_key("ours", Scope.READ)).cookies[COOKIE]
    stored = [str(key) for key in core.redis.scan_iter("ladd:session:*")]
    assert len(stored) == 1
    assert token not in stored[0]
