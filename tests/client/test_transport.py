"""Retries and refusals, against a server that answers what the test wrote down."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import AnswerError, ClientError, ProblemError
from ladd_client.transport import Transport

from api_schemas.problems import ErrorCode, Problem, Reason

PROBLEM = Problem(
    type="about:blank",
    title="Unprocessable Content",
    status=422,
    detail="The request is not valid.",
    instance="/v1/jobs",
    code=ErrorCode.INVALID_REQUEST,
    reasons=[
        Reason(
            location="body.params.views.ratio",
            rule="less_than_equal",
            value="1.5",
            message="Input should be less than or equal to 1",
        )
    ],
)


@dataclass
class Answer:
    status: int
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


class Script:
    """A server that gives these answers in order, and notes the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.keys: list[str | None] = []
        self.idempotency_keys: list[str | None] = []
        self.url = ""


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append(f"{self.command} {self.path}")
            script.keys.append(self.headers.get("Authorization"))
            script.idempotency_keys.append(self.headers.get("Idempotency-Key"))
            answer = script.answers.pop(0)
            if answer.hang_up:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def transport(script: Script) -> Iterator[Transport]:
    opened = Transport(script.url, timeout=5, attempts=3)
    yield opened
    opened.close()


BUSY = Answer(503, PROBLEM.model_dump_json(), {"Retry-After": "0"})
HANG_UP = Answer(0, hang_up=True)


def test_a_503_that_says_when_is_tried_again_whatever_the_call(script: Script, transport: Transport) -> None:
    script.answers = [BUSY, Answer(202, '{"ok": true}')]
    assert transport.request("POST", "/x", repeatable=False).json() == {"ok": True}
    assert script.asked == ["POST /x"] * 2


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_that_got_no_answer_is_asked_again_where_that_is_safe(
    script: Script, transport: Transport, status: int
) -> None:
    script.answers = [Answer(status, "<html>Bad Gateway</html>"), Answer(200)]
    assert transport.request("GET", "/x", repeatable=True).status_code == 200
    script.answers = [Answer(status, "<html>Bad Gateway</html>")]
    with pytest.raises(ClientError, match=str(status)):
        transport.request("POST", "/x", repeatable=False)
    assert len(script.asked) == 3


def test_a_moment_is_waited_for_as_seconds_are(
    script: Script, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ladd_client.transport.time.sleep", waits.append)
    soon, past = (format_datetime(datetime.now(UTC) + timedelta(seconds=at), usegmt=True) for at in (7, -7))
    for told in (soon, past):
        script.answers = [Answer(503, headers={"Retry-After": told}), Answer(200)]
        assert transport.request("GET", "/x", repeatable=True).status_code == 200
    assert 0 < waits[0] <= 7
    assert waits[1] == 0
    script.answers = [Answer(503, headers={"Retry-After": "soon"})]
    with pytest.raises(ClientError):
        transport.request("GET", "/x", repeatable=True)


def test_a_503_without_retry_after_is_an_answer(script: Script, transport: Transport) -> None:
    script.answers = [Answer(503, PROBLEM.model_copy(update={"status": 503}).model_dump_json())]
    with pytest.raises(ProblemError) as raised:
        transport.request("GET", "/x", repeatable=True)
    assert raised.value.problem.status == 503
    assert len(script.asked) == 1


def test_it_gives_up_after_the_last_attempt(script: Script, transport: Transport) -> None:
    script.answers = [BUSY] * 3
    with pytest.raises(ProblemError):
        transport.request("GET", "/x", repeatable=True)
    assert len(script.asked) == 3


def test_a_broken_connection_is_tried_again_when_repeatable(script: Script, transport: Transport) -> None:
    script.answers = [HANG_UP, Answer(200)]
    assert transport.request("GET", "/x", repeatable=True).status_code == 200


def test_every_try_of_a_post_carries_one_key_and_every_post_another(script: Script, transport: Transport) -> None:
    script.answers = [HANG_UP, BUSY, Answer(200), Answer(200), Answer(200), Answer(200)]
    for _ in range(2):
        transport.request("POST", "/x", repeatable=True)
    transport.request("POST", "/x", repeatable=True, headers={"Idempotency-Key": "mine"})
    transport.request("GET", "/x", repeatable=True)
    first, *again, other, mine, none = script.idempotency_keys
    assert again == [first, first]
    assert other not in (first, None)
    assert (mine, none) == ("mine", None)


def test_a_proxy_whose_service_is_away_is_asked_again_when_repeatable(script: Script, transport: Transport) -> None:
    script.answers = [Answer(502, "<html>"), Answer(504, "<html>"), Answer(200)]
    assert transport.request("POST", "/x", repeatable=True).status_code == 200
    script.answers = [Answer(502, "<html>")]
    with pytest.raises(AnswerError, match="502 Bad Gateway"):
        transport.request("POST", "/x", repeatable=False)
    script.answers = [Answer(502, "<html>")] * 3
    with pytest.raises(AnswerError, match="502 Bad Gateway"):
        transport.request("GET", "/x", repeatable=True)
    assert script.answers == []


def test_a_broken_connection_ends_a_call_that_may_not_be_repeated(script: Script, transport: Transport) -> None:
    script.answers = [HANG_UP]
    with pytest.raises(ClientError, match="no answer from"):
        transport.request("POST", "/x", repeatable=False)
    assert len(script.asked) == 1


def test_a_request_that_was_never_sent_is_tried_again_even_if_not_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}", timeout=5, attempts=4)
    pauses: list[int] = []
    monkeypatch.setattr(transport, "pause", pauses.append)
    with pytest.raises(ClientError, match="Connection refused"):
        transport.request("POST", "/x", repeatable=False)
    assert pauses == [1, 2, 3]
    transport.close()


def test_a_problem_reads_as_field_rule_and_value(script: Script, transport: Transport) -> None:
    script.answers = [Answer(422, PROBLEM.model_dump_json(), {"Content-Type": "application/problem+json"})]
    with pytest.raises(ProblemError) as raised:
        transport.request("POST", "/v1/jobs", repeatable=True)
    assert raised.value.problem == PROBLEM
    assert str(raised.value).splitlines() == [
        "The request is not valid. (HTTP 422, invalid_request)",
        "  body.params.views.ratio: Input should be less than or equal to 1 [less_than_equal, got 1.5]",
    ]


def test_an_error_that_is_not_the_apis_is_shown_without_the_query(script: Script, transport: Transport) -> None:
    script.answers = [Answer(403, "<Error>AccessDenied</Error>")]
    with pytest.raises(AnswerError, match=r"answered 403 Forbidden by .*, not by the service: <Error>") as raised:
        transport.request("GET", "/bucket/key?X-Amz-Signature=abc", repeatable=True)
    assert not isinstance(raised.value, ProblemError)
    assert "/bucket/key" in str(raised.value)
    assert "abc" not in str(raised.value)


def test_a_stream_reads_nothing_ahead_and_lets_the_caller_have_allowed_statuses(
    script: Script, transport: Transport
) -> None:
    script.answers = [Answer(416, "", {"Content-Range": "bytes */7"}), Answer(200, json.dumps([1, 2]))]
    with transport.stream("/x", headers={}, allowed=(416,)) as response:
        assert response.headers["Content-Range"] == "bytes */7"
    with transport.stream("/x", headers={}) as response:
        assert not response.is_stream_consumed
        assert response.read() == b"[1, 2]"


def test_a_proxy_for_the_world_is_not_asked_for_this_machine(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    script.answers = [Answer(200), Answer(200)]
    transport = Transport(script.url, timeout=5, attempts=1)
    assert transport.request("GET", "/x", repeatable=True).status_code == 200
    assert transport.request("GET", script.url.replace("127.0.0.1", "localhost"), repeatable=True).status_code == 200
    transport.close()


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "localhost:8000", "ftp://there", "http://", "http://[::1", ""])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ClientError, match=r"must be like http://host:port, got") as raised:
        Transport(address, timeout=5, attempts=3)
    assert repr(address) in str(raised.value)


def test_the_key_goes_to_the_service_and_to_nobody_else(script: Script, tmp_path: Path) -> None:
    # Another host, as far as a client can know.
    storage = script.url.replace("127.0.0.1", "localhost")
    script.answers = [Answer(307, headers={"Location": f"{storage}/blob?X-Amz-Signature=s"}), Answer(200, "zip")]
    with LaddClient(script.url, api_key="ladd_ours") as client:
        client.download_archive("ds_1", tmp_path / "archive.zip")
    assert script.asked == ["GET /v1/datasets/ds_1/archive?format=zip", "GET /blob?X-Amz-Signature=s"]
    assert script.keys == ["Bearer ladd_ours", None]


def test_without_a_key_none_is_sent(script: Script) -> None:
    script.answers = [Answer(200)]
    transport = Transport(script.url, timeout=5, attempts=1)
    transport.request("GET", "/v1/jobs", repeatable=True)
    transport.close()
    assert script.keys == [None]


def test_a_full_quota_is_waited_for_as_long_as_asked_and_not_for_ever(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ladd_client.transport.time.sleep", waits.append)
    full = PROBLEM.model_copy(update={"status": 429, "code": ErrorCode.QUOTA_EXCEEDED, "reasons": []})
    for asked, answers in (("7", 3), ("3600", 3)):
        script.answers = [Answer(429, full.model_dump_json(), {"Retry-After": asked})] * answers
        transport = Transport(script.url, timeout=5, attempts=3)
        with pytest.raises(ProblemError) as caught:
            transport.request("POST", "/v1/datasets", repeatable=False)
        transport.close()
        assert caught.value.problem.code is ErrorCode.QUOTA_EXCEEDED
    assert waits == [7, 7, 60, 60]


def test_who_lacks_a_key_is_told_where_it_is_read_from(script: Script) -> None:
    refusal = PROBLEM.model_copy(update={"status": 401, "code": ErrorCode.UNAUTHENTICATED, "reasons": []})
    script.answers = [Answer(401, refusal.model_dump_json())]
    transport = Transport(script.url, timeout=5, attempts=3)
    with pytest.raises(ProblemError, match="LADD_API_KEY"):
        transport.request("GET", "/v1/jobs", repeatable=True)
    transport.close()
