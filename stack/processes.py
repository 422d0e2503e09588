"""The processes of the stack: two servers, and two services that need them."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.command import Command
from stack.embedded import redis_command, redis_url, s3_command
from stack.readiness import BUCKET, http_missing, redis_missing, s3_missing
from stack.state import StackState

PROJECT = Path(__file__).parents[1]

API = ("-m", "service.http")
API_ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}
"""glibc gives the buffers of uploads back when they are freed, instead of keeping them for each thread."""
WORKER = ("-m", "workers")
WORKER_HEALTH = ("-m", "workers.health")
"""Arguments of `python`; docker-compose.yml starts the same."""

HEALTH_SECONDS = 30


@dataclass(frozen=True)
class Process:
    """One process, where it can be reached, and how to ask what it still lacks (None: it is ready)."""

    name: str
    address: str
    command: Command
    missing: Callable[[], str | None]
    stop_seconds: int
    """Between SIGTERM and SIGKILL."""


def servers(directory: Path, state: StackState) -> list[Process]:
    """Redis and S3 of the stack in `directory`."""
    environment = service_environment(directory, state)
    s3_endpoint = environment["LADD_S3_ENDPOINT_URL"]
    return [
        Process(
            "redis",
            f"127.0.0.1:{state.redis_port}",
            redis_command(directory / "redis", state.redis_port, state.redis_password),
            lambda: redis_missing(environment["LADD_REDIS_URL"]),
            stop_seconds=10,
        ),
        Process(
            "s3",
            s3_endpoint,
            s3_command(directory / "s3", state.s3_ports, state.s3_access_key, state.s3_secret_key),
            lambda: s3_missing(s3_endpoint, state.s3_access_key, state.s3_secret_key),
            stop_seconds=15,
        ),
    ]


def services(directory: Path, state: StackState) -> list[Process]:
    """Worker and API of the stack in `directory`."""
    environment = service_environment(directory, state)
    return [
        Process(
            "worker",
            f"queues {environment['LADD_WORKER_QUEUES']}",
            Command((sys.executable, *WORKER), PROJECT, environment),
            lambda: _worker_missing(environment),
            # It stops its runners and gives their tasks back.
            stop_seconds=30,
        ),
        Process(
            "api",
            state.api_url,
            Command((sys.executable, *API), PROJECT, environment | API_ALLOCATOR),
            lambda: http_missing(f"{state.api_url}/readyz"),
            stop_seconds=15,
        ),
    ]


def service_environment(directory: Path, state: StackState) -> dict[str, str]:
    """Settings that API and worker read, and a program that talks to this stack's Redis and S3."""
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy")), "127.0.0.1"]))
    return {
        "LADD_REDIS_URL": redis_url(state.redis_port, state.redis_password),
        "LADD_S3_ENDPOINT_URL": f"http://127.0.0.1:{state.s3_ports[0]}",
        # Empty, as where it is not set: download links are not to name the storage of another deployment.
        "LADD_S3_PUBLIC_ENDPOINT_URL": "",
        "LADD_S3_BUCKET": BUCKET,
        "LADD_S3_ACCESS_KEY": state.s3_access_key,
        "LADD_S3_SECRET_KEY": state.s3_secret_key,
        "LADD_DATA_DIR": str((directory / "work").absolute()),
        "LADD_HOST": "127.0.0.1",
        "LADD_PORT": str(state.api_port),
        "LADD_WORKER_QUEUES": "cpu,gpu",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _worker_missing(environment: Mapping[str, str]) -> str | None:
    try:
        answer = subprocess.run(
            [sys.executable, *WORKER_HEALTH],
            cwd=PROJECT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=HEALTH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its health check has not answered in {HEALTH_SECONDS} s"
    return None if answer.returncode == 0 else (answer.stdout or answer.stderr).strip()
