"""The commands that compose gives the redis and s3 images, run with the same programs outside of a container."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml

from stack.command import Command
from stack.embedded import S3_PORTS, redis_command, s3_command
from stack.ports import free_ports
from stack.readiness import redis_missing, s3_missing, wait_until_ready
from tests.servers import started

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_redis_command_of_compose(tmp_path: Path) -> None:
    [port] = free_ports(1)
    program = redis_command(tmp_path, port, "unused").argv[0]
    arguments = SERVICES["redis"]["command"][1:]
    command = Command((program, *arguments, "--port", str(port), "--bind", "127.0.0.1"), tmp_path)
    url, log = f"redis://127.0.0.1:{port}/0", tmp_path / "log"
    with started(command, log) as process:
        wait_until_ready("redis", lambda: redis_missing(url), lambda: process.poll() is None, log)
        with redis.Redis.from_url(url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_s3_command_of_compose_is_healthy_and_lets_no_stranger_in(tmp_path: Path) -> None:
    keys = ("ladd-tests", "a secret of tests")
    ports = free_ports(S3_PORTS)
    local = s3_command(tmp_path, ports, *keys)
    program = local.argv[0]
    # What a container keeps apart, and two servers on one machine must not share.
    apart = [
        argument
        for argument in local.argv
        if re.match(r"-(dir|s3\.localSocket|[a-z0-9]+\.port(\.grpc)?)=", argument) and "iceberg" not in argument
    ]
    # The last mention of a flag counts.
    arguments = [*SERVICES["s3"]["command"], *apart, "-ip.bind=127.0.0.1"]
    endpoint, log = f"http://127.0.0.1:{ports[0]}", tmp_path / "log"
    with started(Command((program, *arguments), tmp_path, local.environment), log) as process:
        wait_until_ready(
            "s3",
            lambda: s3_missing(endpoint, *keys),
            lambda: process.poll() is None,
            log,
        )
        *_, probe = SERVICES["s3"]["healthcheck"]["test"]
        route = re.search(r"http://127\.0\.0\.1:8333(/\w+)", probe)
        assert route is not None
        assert httpx.get(endpoint + route[1], trust_env=False).status_code == 200
