"""The real API on a port of this process, a client of it, and a proxy that breaks connections on order."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn

from client.api import LaddClient
from service.core.settings import Settings


class CuttingProxy:
    """Forwards TCP to `target`; cuts each connection once as many bytes have come back as the next of `cuts` says."""

    def __init__(self, target: str) -> None:
        split = urlsplit(target)
        self._target = (split.hostname or "", split.port or 80)
        self.cuts: list[int] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                limit = self.cuts.pop(0) if self.cuts else None
                far = socket.create_connection(self._target)
                threading.Thread(target=self._forward, args=(near, far, None), daemon=True).start()
                threading.Thread(target=self._forward, args=(far, near, limit), daemon=True).start()

    def _forward(self, source: socket.socket, destination: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            left = limit
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(65536, left))
                if not data:
                    break
                destination.sendall(data)
                left = None if left is None else left - len(data)
        for end in (source, destination):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def s3_proxy(settings: Settings) -> Iterator[CuttingProxy]:
    """In front of S3; download links lead through it."""
    proxy = CuttingProxy(settings.s3_endpoint_url or "")
    yield proxy
    proxy.close()


@pytest.fixture
def server(settings: Settings, s3_proxy: CuttingProxy) -> Iterator[str]:
    """Base URL of the API."""
    from service.http.app import create_app

    public = settings.model_copy(update={"s3_public_endpoint_url": s3_proxy.url})
    running = uvicorn.Server(
        uvicorn.Config(create_app(public), port=0, log_level="warning", ws="none", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    [listener] = running.servers[0].sockets
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join()


@pytest.fixture
def api_proxy(server: str) -> Iterator[CuttingProxy]:
    """In front of the API."""
    proxy = CuttingProxy(server)
    yield proxy
    proxy.close()


@pytest.fixture
def client(server: str) -> Iterator[LaddClient]:
    with LaddClient(server) as opened:
        yield opened
