"""The embedded servers are real: Redis wants its password, S3 wants its credentials."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
import redis

from stack.embedded import S3_PORTS, redis_command, redis_url, s3_command
from stack.ports import free_ports
from stack.readiness import BUCKET, redis_missing, s3_missing, wait_until_ready
from tests.servers import Embedded, started

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_servers_are_ready(embedded: Embedded) -> None:
    assert redis_missing(embedded.redis_url) is None
    assert s3_missing(embedded.s3_endpoint, embedded.s3_access_key, embedded.s3_secret_key) is None


def test_redis_keeps_what_it_is_given_and_wants_a_password(embedded: Embedded) -> None:
    with closing(redis.Redis.from_url(embedded.redis_url)) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    host, port = embedded.redis_url.rsplit("@", 1)[1].removesuffix("/0").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as stranger:
        stranger.sendall(b"GET secret\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [f"/{BUCKET}", f"/{BUCKET}/some/key"])
def test_s3_refuses_strangers(embedded: Embedded, method: str, path: str) -> None:
    assert httpx.request(method, embedded.s3_endpoint + path, trust_env=False).status_code == 403


def test_s3_lists_no_buckets_to_strangers(embedded: Embedded) -> None:
    assert httpx.get(embedded.s3_endpoint, trust_env=False).status_code == 403


def test_s3_refuses_a_wrong_secret(embedded: Embedded) -> None:
    assert "SignatureDoesNotMatch" in str(s3_missing(embedded.s3_endpoint, embedded.s3_access_key, "wrong"))


@pytest.mark.parametrize("keys", [("", "secret"), ("key", "")])
def test_s3_is_never_started_open(tmp_path: Path, keys: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="lets anyone in"):
        s3_command(tmp_path, list(range(S3_PORTS)), *keys)


@pytest.mark.servers
def test_data_outlives_a_kill_and_new_ports(tmp_path: Path) -> None:
    keys = ("ladd-tests", "a secret of tests")
    with killed_afterwards(tmp_path, keys) as (client, s3):
        client.set("key", b"kept")
        s3.put_object(Bucket=BUCKET, Key="key", Body=b"kept")
    with killed_afterwards(tmp_path, keys) as (client, s3):
        assert client.get("key") == b"kept"
        with s3.get_object(Bucket=BUCKET, Key="key")["Body"] as body:
            assert body.read() == b"kept"


@contextmanager
def killed_afterwards(directory: Path, keys: tuple[str, str]) -> Iterator[tuple[redis.Redis, "S3Client"]]:
    redis_port, *s3_ports = free_ports(1 + S3_PORTS)
    url, endpoint = redis_url(redis_port, "password"), f"http://127.0.0.1:{s3_ports[0]}"
    redis_log, s3_log = directory / "redis.log", directory / "s3.log"
    with (
        started(redis_command(directory / "redis", redis_port, "password"), redis_log) as redis_process,
        started(s3_command(directory / "s3", s3_ports, *keys), s3_log) as s3_process,
        closing(redis.Redis.from_url(url)) as client,
        closing(boto3.client("s3", "us-east-1", None, True, None, endpoint, *keys)) as s3,
    ):
        wait_until_ready("redis", lambda: redis_missing(url), lambda: redis_process.poll() is None, redis_log)
        wait_until_ready("s3", lambda: s3_missing(endpoint, *keys), lambda: s3_process.poll() is None, s3_log)
        yield client, s3
        redis_process.kill()
        s3_process.kill()
