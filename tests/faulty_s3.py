"""The S3 of the tests behind a proxy that can be told to refuse in its place: faults that a good server lacks."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FaultyS3:
    """Where the proxy listens, and what it does to requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.refused = 0
        """How many requests it has answered itself."""
        self.refuses: Callable[[str, str, Message[str, str]], tuple[int, str] | None] = lambda *_: None
        """Method, path and headers of a request -> status and code to answer it with; None: it is passed on."""


@contextmanager
def faulty_s3(endpoint: str) -> Iterator[FaultyS3]:
    """Pass requests on to the S3 at `endpoint`, which sees the host that they were signed for."""
    backend = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = state.refuses(self.command, self.path, self.headers)
            if answer is not None:
                state.refused += 1
                status, code = answer
                told = status >= 400 and self.command != "HEAD"
                text = f"<Error><Code>{code}</Code></Error>".encode() if told else b""
                self._answer(status, {"Content-Length": str(len(text))}, text)
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection = http.client.HTTPConnection(backend, timeout=30)
            connection.request(self.command, self.path, body, headers)
            found = connection.getresponse()
            content = found.read()
            kept = {name: value for name, value in found.getheaders() if name.lower() != "transfer-encoding"}
            if self.command != "HEAD":
                kept["Content-Length"] = str(len(content))
            connection.close()
            self._answer(found.status, kept, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_one)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state = FaultyS3(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
