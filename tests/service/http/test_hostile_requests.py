"""Requests that no client sends by accident: each is refused or cut off, and the server answers the next one."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import httpx
import pytest

from service.core.foundation.ids import new_id
from service.http import connections, limits

MIB = 1024 * 1024
HEAD = "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def connection(standing_api: httpx.Client) -> Iterator[socket.socket]:
    address = (standing_api.base_url.host, standing_api.base_url.port or 80)
    with socket.create_connection(address, timeout=30) as opened:
        yield opened
    assert standing_api.get("/livez").status_code == 200


def answer(connection: socket.socket) -> tuple[int, bytes]:
    received = HTTPResponse(connection)
    received.begin()
    return received.status, received.read()


@pytest.mark.parametrize(
    "request_text",
    {
        "no HTTP": "\x16\x03\x01\x02\r\n\r\n",
        "a path of 1 MiB": f"GET /{'x' * MIB} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "a header of 1 MiB": f"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {'x' * MIB}\r\n\r\n",
        "50,000 headers": "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "X: y\r\n" * 50_000 + "\r\n",
        "a negative length": f"{HEAD}Content-Length: -1\r\n\r\n",
        "a length that is no number": f"{HEAD}Content-Length: many\r\n\r\n",
        "two lengths": f"{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
        "a chunk of no size": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{{}}\r\n0\r\n\r\n",
        "a chunk of 2^84 bytes": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{'f' * 21}\r\n{{}}\r\n",
        "an unknown encoding": f"{HEAD}Transfer-Encoding: gzip\r\n\r\n{{}}",
    }.items(),
    ids=lambda case: case[0],
)
def test_what_is_not_http_is_refused(connection: socket.socket, request_text: tuple[str, str]) -> None:
    try:
        connection.sendall(request_text[1].encode("latin-1"))
    except (BrokenPipeError, ConnectionResetError):  # cut off before the end
        return
    try:
        status, _ = answer(connection)
    except ConnectionError:
        return
    assert 400 <= status < 500


@pytest.mark.parametrize(
    ("size", "pieces", "status"),
    [
        (connections.MAX_HEAD_BYTES - 100, 1, 200),
        (connections.MAX_HEAD_BYTES - 100, 10, 200),
        (connections.MAX_HEAD_BYTES + 1, 1, 400),
        (connections.MAX_HEAD_BYTES + 1, 10, 400),
    ],
)
def test_a_head_is_bounded_however_it_arrives(connection: socket.socket, size: int, pieces: int, status: int) -> None:
    head = f"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {'x' * size}\r\n\r\n".encode()
    step = -(-len(head) // pieces)
    for start in range(0, len(head), step):
        connection.sendall(head[start : start + step])
        time.sleep(0.01)
    assert answer(connection)[0] == status


@pytest.mark.parametrize(
    "after_the_head", ["2;" + "x" * MIB, "2\r\n{}\r\n0\r\n" + "X: y\r\n" * 50_000], ids=["extension", "trailers"]
)
def test_what_chunks_bring_besides_the_body_is_bounded(connection: socket.socket, after_the_head: str) -> None:
    connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(after_the_head.encode())
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass


def test_lines_that_begin_no_request_hold_no_connection(
    standing_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    address = (standing_api.base_url.host, standing_api.base_url.port or 80)
    with socket.create_connection(address, timeout=30) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert answer(connection)[0] == 200
        until = time.monotonic() + 10
        connection.settimeout(0.1)
        while time.monotonic() < until:
            connection.sendall(b"\r\n")
            with contextlib.suppress(TimeoutError):
                if connection.recv(1) == b"":
                    return
        pytest.fail("still open")


def test_a_long_answer_is_not_cut_off_by_the_time_for_a_head(
    standing_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    address = (standing_api.base_url.host, standing_api.base_url.port or 80)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(f"{HEAD}Content-Length: 2\r\n\r\n".encode())
        time.sleep(0.6)
        connection.sendall(b"{}")
        assert answer(connection)[0] == 422


def test_requests_in_one_piece_are_answered_in_turn(connection: socket.socket) -> None:
    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
    received = b""
    while received.count(b"HTTP/1.1 200") < 20:
        piece = connection.recv(65536)
        assert piece
        received += piece


def test_a_body_that_is_shorter_than_said_changes_nothing(connection: socket.socket) -> None:
    connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())


@pytest.mark.parametrize(
    "sent", ["", "G", "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "], ids=["nothing", "G", "headers"]
)
def test_a_head_that_does_not_end_is_waited_for_no_longer(
    standing_api: httpx.Client, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    address = (standing_api.base_url.host, standing_api.base_url.port or 80)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(sent.encode())
        assert connection.recv(1) == b""


def test_a_head_has_its_time_anew_with_every_request(
    standing_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    address = (standing_api.base_url.host, standing_api.base_url.port or 80)
    with socket.create_connection(address, timeout=30) as connection:
        for _ in range(4):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            time.sleep(0.2)
            connection.sendall(b"\r\n")
            assert answer(connection)[0] == 200


def test_a_json_body_that_stops_arriving_is_refused(connection: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.2)
    connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
    status, body = answer(connection)
    assert (status, json.loads(body)["code"]) == (408, "timeout")


def test_a_json_body_without_a_length_is_bounded(standing_api: httpx.Client) -> None:
    pieces = (b" " * MIB for _ in range(3))
    sent = standing_api.post("/v1/jobs", content=pieces, headers={"Content-Type": "application/json"})
    assert (sent.status_code, sent.json()["code"]) == (413, "upload_too_large")


@pytest.mark.parametrize(
    "name",
    ["..", "..%2f..%2fetc", "%2e%2e", "%00", "%ff", "ds_" + "0" * 5000, "ds_*", "ds_%0a", "{}", "DS_" + "0" * 26],
)
def test_ids_are_no_paths(standing_api: httpx.Client, name: str) -> None:
    for path in (f"/v1/datasets/{name}", f"/v1/datasets/{name}/archive", f"/v1/jobs/{name}", f"/v1/labelers/{name}"):
        assert standing_api.get(path).status_code in (404, 405), path


@pytest.mark.parametrize(
    "value", ["bytes=0-", "bytes=" + "0-1," * 1000, "bytes=9-1", "lines=1-2", "bytes=-" + "9" * 99]
)
def test_ranges_are_no_way_in(standing_api: httpx.Client, value: str) -> None:
    for path in ("/v1/presets", "/docs", f"/v1/datasets/{new_id('ds')}/archive"):
        assert standing_api.get(path, headers={"Range": value}).status_code in (200, 206, 404, 416)


FORM = "--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n{}\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", FORM, 422),
        ("multipart/form-data; boundary=", FORM, 422),
        ("multipart/form-data; boundary=" + "b" * 300, FORM, 422),
        ("multipart/form-data; boundary=b; boundary=c", FORM, 422),
        ("multipart/form-data; boundary=b", "", 422),
        ("multipart/form-data; boundary=b", "--b", 422),
        ("multipart/form-data; boundary=b", "--b--\r\n" * 1000, 422),
        ("multipart/form-data; boundary=b", "x" * MIB + FORM, 422),
        ("multipart/form-data; boundary=b", "--b\r\n\r\n\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=b", "--b\r\n" + "X: y\r\n" * 1000 + "\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=b", "--b\r\nX: " + "y" * MIB + "\r\n\r\n--b--\r\n", 422),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\n\r\n--b--", 422),
        ("multipart/mixed; boundary=b", FORM, 415),
        ("multipart/form-data\udce9; boundary=b", FORM, 415),
        (";", FORM, 415),
    ],
)
def test_odd_forms_are_refused(standing_api: httpx.Client, content_type: str, body: str, status: int) -> None:
    headers = {b"Content-Type": content_type.encode("utf-8", "surrogateescape")}
    sent = standing_api.post("/v1/datasets", content=body.encode("latin-1"), headers=headers)
    assert sent.status_code == status
