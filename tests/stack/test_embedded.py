"""The embedded servers are real: Redis wants its password, S3 wants its credentials."""

import socket
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import redis

from stack.embedded import S3_PORTS, Embedded, S3Credentials, s3_command
from stack.readiness import BUCKET, redis_missing, s3_missing


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


@pytest.mark.parametrize("credentials", [S3Credentials("", "secret"), S3Credentials("key", "")])
def test_s3_is_never_started_open(tmp_path: Path, credentials: S3Credentials) -> None:
    with pytest.raises(ValueError, match="lets anyone in"):
        s3_command(tmp_path, list(range(S3_PORTS)), credentials)
