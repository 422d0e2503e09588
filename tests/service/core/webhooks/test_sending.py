"""One attempt: signed, to the address that was checked, no further than it was sent, and over in time."""

import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from ladd_client.webhooks import verify

from service.core.foundation.settings import EVERYWHERE
from service.core.webhooks import sending
from service.core.webhooks.deliveries import Taken
from service.core.webhooks.hooks import Hook, SigningSecret, new_secret
from service.core.webhooks.sending import ANSWER_BYTES, Answer
from tests.receiver import Receiver

LOOKUPS = socket.getaddrinfo


def hook_of(url: str, **changed: Any) -> Hook:
    return Hook(
        id="wh_1",
        tenant="ours",
        url=url,
        events=["job.*"],
        description="",
        secrets=changed.get("secrets", [SigningSecret(secret=new_secret())]),
        created_at=datetime.now(UTC),
    )


def send(url: str, allowed: Any = EVERYWHERE, **changed: Any) -> Answer:
    message = Taken("ours", "wh_1", "msg_1", 1, 1, json.dumps({"type": "job.succeeded", "name": "ü"}))
    return sending.send(hook_of(url, **changed), message, allowed)


class Resolver:
    """Leads names to addresses, the next of a list each time it is asked for one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in self.names:
            return LOOKUPS(host, port, *args, **kwargs)
        self.asked.append(host)
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch)


def named(receiver: Receiver, host: str) -> str:
    return receiver.url.replace("127.0.0.1", host)


def test_a_message_arrives_signed_by_every_secret_that_counts(receiver: Receiver) -> None:
    now = datetime.now(UTC)
    new, old, over = (new_secret() for _ in range(3))
    secrets = [
        SigningSecret(secret=new),
        SigningSecret(secret=old, expires_at=now + timedelta(hours=1)),
        SigningSecret(secret=over, expires_at=now - timedelta(hours=1)),
    ]
    answer = send(receiver.url, secrets=secrets)
    assert (answer.status, answer.answer, answer.error, answer.is_taken) == (204, "", None, True)
    [got] = receiver.received
    assert got.path == "/hook?token=t"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-type"] == "application/json"
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        assert verify(got.headers, got.body, secret) == {"type": "job.succeeded", "name": "ü"}
    with pytest.raises(Exception, match="none of webhook-signature"):
        verify(got.headers, got.body, over)


def test_private_addresses_are_not_called(receiver: Receiver, resolver: Resolver) -> None:
    resolver.names["inner.example"] = [["127.0.0.1"]]
    for url in (receiver.url, named(receiver, "inner.example"), named(receiver, "inner.example").replace("p:", "ps:")):
        answer = send(url, allowed=())
        assert answer.error is not None
        assert answer.error.startswith("not called: ")
        assert "127.0.0.1" not in answer.error.replace("the host 127.0.0.1", "")
    assert receiver.received == []


def test_a_name_that_changes_its_mind_leads_nowhere(receiver: Receiver, resolver: Resolver) -> None:
    """DNS rebinding: public when it is checked, private when it is called. It is not asked a second time."""
    # Loopback stands for what is inside, one address of it for the internet.
    public = [ip_network("127.0.0.9")]
    resolver.names["rebinding.example"] = [["127.0.0.9"], ["127.0.0.1"]]
    assert send(named(receiver, "rebinding.example"), allowed=public).error == "no connection"
    assert resolver.asked == ["rebinding.example"]
    assert "not public" in str(send(named(receiver, "rebinding.example"), allowed=public).error)
    assert receiver.received == []


def test_the_address_that_was_checked_is_called_under_the_name(receiver: Receiver, resolver: Resolver) -> None:
    resolver.names["turning.example"] = [["127.0.0.1"], ["127.0.0.9"]]
    assert send(named(receiver, "turning.example")).status == 204
    assert resolver.asked == ["turning.example"]
    [got] = receiver.received
    assert got.headers["host"] == named(receiver, "turning.example").split("/")[2]


def test_the_next_address_is_tried_where_one_takes_no_connection(receiver: Receiver, resolver: Resolver) -> None:
    resolver.names["two.example"] = [["127.0.0.9", "127.0.0.1"]]
    assert send(named(receiver, "two.example")).status == 204
    assert len(receiver.received) == 1


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [307]
    receiver.answer_headers = {"Location": receiver.url}
    answer = send(receiver.url)
    assert (answer.status, answer.is_taken) == (307, False)
    assert len(receiver.received) == 1


def test_of_an_answer_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.statuses = [500]
    receiver.answer = b"\xff" + b"x" * (1 << 22)
    answer = send(receiver.url)
    assert answer.answer == "\ufffd" + "x" * (ANSWER_BYTES - 1)


def test_nobody_listens(nobody: str) -> None:
    answer = send(f"http://{nobody}/")
    assert (answer.status, answer.error) == (None, "no connection")


@pytest.fixture
def nobody() -> Iterator[str]:
    """A host and port that refuse connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that says one letter of its head every now and then, for ever."""
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            for letter in "HTTP/1.1 200 OK\r\nA: " + "a" * 1000:
                if stop.wait(0.02):
                    return
                try:
                    connection.send(letter.encode())
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        stop.set()
        thread.join()


def test_who_drips_is_left_in_time(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.3)
    answer = send(dripping)
    assert (answer.status, answer.error) == (None, "no answer within 0 s")


def test_what_is_no_http_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.send(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        answer = send(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert answer.error in ("no answer (RemoteProtocolError)", "no answer (ReadError)")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of secure.example, signed by itself."""
    made = tmp_path / "secure.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=secure.example"
    names = ["-addext", "subjectAltName=DNS:secure.example", "-keyout", str(made), "-out", f"{made}.crt"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    made.write_text(made.read_text() + Path(f"{made}.crt").read_text())
    return made


@pytest.fixture
def secure(certificate: Path) -> Iterator[int]:
    """The port of a receiver that speaks TLS as secure.example."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep silent."""

    class Server(http.server.HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Keep silent about handshakes that the other side ends."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_certificates_are_asked_for_the_name_and_not_for_the_address(
    secure: int, certificate: Path, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver.names = {name: [["127.0.0.1"]] for name in ("secure.example", "other.example")}
    answer = send(f"https://secure.example:{secure}/")
    assert answer.error is not None
    assert "self-signed" in answer.error
    trusting = ssl.create_default_context(cafile=f"{certificate}.crt")
    monkeypatch.setattr(sending, "_trusted", lambda: trusting)
    assert send(f"https://secure.example:{secure}/").status == 200
    answer = send(f"https://other.example:{secure}/")
    assert answer.error is not None
    assert "not valid for 'other.example'" in answer.error
