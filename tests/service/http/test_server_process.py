"""`python -m service.http` as a process: its memory while it receives a large file, its log, its end."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.core.foundation.settings import Settings

MIB = 1024 * 1024
METADATA = ("metadata", (None, json.dumps({"name": "a set", "role": "source"})))


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    api: httpx.Client
    log: Path


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secret = settings.s3_secret_key
    assert secret is not None
    variables = {
        **settings.model_dump(mode="json", include={"redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key"}),
        "s3_secret_key": secret.get_secret_value(),
        "port": port,
    }
    environment = os.environ | {f"LADD_{name.upper()}": str(value) for name, value in variables.items()}
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([sys.executable, "-m", "service.http"], env=environment, stderr=output) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as api,
    ):
        try:
            deadline = time.monotonic() + 30
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                try:
                    api.get("/livez")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield Server(process, api, log)
        finally:
            process.terminate()


def peak_rss(process_id: int) -> int:
    """Return the largest resident size so far, in bytes."""
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_file(server: Server, tmp_path: Path) -> None:
    small = tmp_path / "small.bin"
    small.write_bytes(b"1")
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(200 * MIB)
    peaks = []
    for path in (small, large):
        with path.open("rb") as file:
            answer = server.api.post("/v1/datasets", files=[METADATA, ("files", (path.name, file))])
        assert answer.status_code == 202
        assert answer.json()["files"][0]["bytes"] == path.stat().st_size
        peaks.append(peak_rss(server.process.pid))
    assert peaks[1] - peaks[0] < 64 * MIB


def test_log_lines_carry_the_request_id(server: Server) -> None:
    server.api.get("/v1/jobs", headers={"X-Request-ID": "mine-1"})
    server.process.terminate()
    server.process.wait(30)
    (line,) = [line for line in server.log.read_text().splitlines() if "/v1/jobs" in line]
    assert "[mine-1]" in line
    assert "uvicorn.access" in line


def test_polls_that_find_nothing_new_are_not_logged(server: Server) -> None:
    with server.api.stream("POST", "/v1/datasets", files=[METADATA, ("files", ("a", b"1"))]) as accepted:
        job = json.loads(accepted.read())["links"]["job"]
    etag = server.api.get(job).headers["ETag"]
    assert server.api.get(job, headers={"If-None-Match": etag}).status_code == 304
    server.process.terminate()
    server.process.wait(30)
    (line,) = [line for line in server.log.read_text().splitlines() if f"GET {job}" in line]
    assert line.endswith("200")


def test_stops_on_sigterm_and_ends_what_it_cannot_wait_for(server: Server) -> None:
    with server.api.stream("POST", "/v1/datasets", files=[METADATA, ("files", ("a", b"1"))]) as accepted:
        job = json.loads(accepted.read())["links"]["job"]
    with ThreadPoolExecutor() as pool, server.api.stream("GET", f"{job}/events") as stream:
        assert stream.status_code == 200
        etag = server.api.get(job).headers["ETag"]
        polled = pool.submit(server.api.get, job, headers={"Prefer": "wait=60", "If-None-Match": etag})
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        # To an end that is in order, or this raises.
        assert "queued" in "".join(stream.iter_text())
        assert (polled.result().status_code, polled.result().json()["code"]) == (503, "unavailable")
        assert server.process.wait(30) in (0, -signal.SIGTERM)
    log = server.log.read_text()
    assert "Exception in ASGI application" not in log
    assert "Traceback" not in log


def test_a_client_that_goes_is_no_error(server: Server) -> None:
    with server.api.stream("POST", "/v1/datasets", files=[METADATA, ("files", ("a", b"1"))]) as accepted:
        job = json.loads(accepted.read())["links"]["job"]
    address = server.api.base_url.host, server.api.base_url.port
    head = " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for request in (
        f"GET {job}/events{head}\r\n",
        f"GET {job}{head}Prefer: wait=1\r\n\r\n",
        f"GET /openapi.json{head}\r\n",
        f"POST /v1/jobs{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        f"POST /v1/datasets{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        f"POST /v1/datasets{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 999\r\n\r\n--x\r\n",
    ):
        for reset in (False, True):
            with socket.create_connection(address) as client:
                client.sendall(request.encode())
                time.sleep(0.2)
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(2)
    server.process.terminate()
    server.process.wait(30)
    log = server.log.read_text()
    assert "the client closed the connection" in log
    assert "Exception in ASGI application" not in log
    assert "Traceback" not in log
