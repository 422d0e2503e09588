"""Redis and S3 for a block of a test: the stack's own commands, run without supervisord."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.command import Command
from stack.embedded import S3_PORTS, redis_command, redis_url, s3_command
from stack.ports import free_ports
from stack.readiness import redis_missing, s3_missing, wait_until_ready

STOP_SECONDS = 15.0
"""SeaweedFS takes about 3 s to stop, mostly pauses of its own; Redis far less."""


@dataclass(frozen=True)
class Embedded:
    """Where running embedded servers are, and how to be let in."""

    redis_url: str = field(repr=False)
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)


@contextmanager
def started(command: Command, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`; SIGTERM it on leaving, and SIGKILL its process group if it stays.

    It gets a session of its own, so that a Ctrl-C meant for us does not reach it before we have stopped using it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.argv,
            cwd=command.directory,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def embedded_servers(directory: Path) -> Iterator[Embedded]:
    """Redis and S3 with data and logs in `directory`, ready to use, stopped on leaving.

    Raises:
        NotReadyError: a server died or was not ready in time; the message ends with its last log lines.
    """
    redis_port, *s3_ports = free_ports(1 + S3_PORTS)
    password, access_key, secret_key = (secrets.token_hex(16) for _ in range(3))
    url, endpoint = redis_url(redis_port, password), f"http://127.0.0.1:{s3_ports[0]}"
    redis, s3 = (
        redis_command(directory / "redis", redis_port, password),
        s3_command(directory / "s3", s3_ports, access_key, secret_key),
    )
    redis_log, s3_log = directory / "redis.log", directory / "s3.log"
    with started(s3, s3_log) as s3_process, started(redis, redis_log) as redis_process:
        wait_until_ready("redis", lambda: redis_missing(url), lambda: redis_process.poll() is None, redis_log)
        wait_until_ready(
            "s3",
            lambda: s3_missing(endpoint, access_key, secret_key),
            lambda: s3_process.poll() is None,
            s3_log,
        )
        yield Embedded(url, endpoint, access_key, secret_key)
