"""A receiver of webhooks on this machine: a real HTTP server that answers as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request as it came; names of headers in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`received` has all requests in order. The next of `statuses` is answered, 204 once there are none left."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b""
    answer_headers: dict[str, str] = field(default_factory=dict)
    pause: threading.Event | None = None
    """There: nothing is answered before it is set."""

    @property
    def ids(self) -> list[str]:
        """The ids of the messages that came."""
        return [each.headers["webhook-id"] for each in self.received]


@contextmanager
def receiving(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Serve a receiver while in the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            if receiver.pause is not None:
                receiver.pause.wait(30)
            self.send_response(status)
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(receiver.answer)

        def log_message(self, format: str, *args: object) -> None:
            """Keep silent."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        receiver.url = f"http://{host}:{server.server_address[1]}/hook?token=t"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
