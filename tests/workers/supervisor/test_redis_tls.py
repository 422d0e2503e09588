"""Every client of a Redis behind TLS verifies its certificate and its name: redis-py's two, and both Celery apps."""

import asyncio
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.core.clients import open_async_redis, open_core
from service.core.foundation.settings import Settings
from workers.supervisor.celery_app import create_app

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl")


def certificate(folder: Path, name: str, subject: str) -> Path:
    """A self-signed certificate for a subject, which is its own authority; its key lies beside it."""
    path = folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}"]
    command += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(params=["IP:127.0.0.1", "DNS:elsewhere.example"], ids=["right name", "wrong name"])
def served(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of the tests' Redis behind a server that speaks TLS, with the certificate that vouches for it."""
    mine = certificate(tmp_path, "mine", request.param)
    plain = urlsplit(settings.redis_url)
    with tls_before(plain.port or 0, mine) as port:
        url = f"rediss://:{plain.password}@127.0.0.1:{port}{plain.path}"
        yield settings.model_copy(update={"redis_url": url, "redis_ca_file": mine})


@contextmanager
def tls_before(port: int, certificate: Path) -> Iterator[int]:
    """Take connections by TLS at a port, which is returned, and pass on what they hold to another as it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                client = context.wrap_socket(self.request, server_side=True)
            except OSError:
                return  # the client does not trust us
            with client, socket.create_connection(("127.0.0.1", port)) as backend:
                back = threading.Thread(target=pump, args=(backend, client))
                back.start()
                pump(client, backend)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def by_redis_py(settings: Settings) -> None:
    with closing(open_core(settings)) as core:
        core.redis.ping()


def by_redis_py_async(settings: Settings) -> None:
    async def ping() -> None:
        async with aclosing(open_async_redis(settings)) as client:
            await client.ping()

    asyncio.run(ping())


def by_the_dispatcher(settings: Settings) -> None:
    with closing(open_core(settings)) as core:
        core.dispatcher.wake("job", "task", "cpu")


def by_the_worker(settings: Settings) -> None:
    with create_app(settings).connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        connection.SimpleQueue("cpu").close()


CLIENTS = [by_redis_py, by_redis_py_async, by_the_dispatcher, by_the_worker]


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_server_that_is_vouched_for_by_its_name_alone_is_spoken_to(
    served: Settings, ask: Callable[[Settings], None], request: pytest.FixtureRequest
) -> None:
    if "right name" in request.node.name:
        ask(served)
    else:
        refuses(ask, served)


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_server_that_nobody_vouches_for_is_not_spoken_to(
    served: Settings, ask: Callable[[Settings], None], tmp_path: Path
) -> None:
    other = certificate(tmp_path, "other", "IP:127.0.0.1")
    refuses(ask, served.model_copy(update={"redis_ca_file": other}))
    refuses(ask, served.model_copy(update={"redis_ca_file": None}))


def refuses(ask: Callable[[Any], None], settings: Settings) -> None:
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        ask(settings)
