"""Real servers for the tests: one Redis and one S3 per session, emptied before each test that uses them."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import redis
from botocore.loaders import JSONFileLoader
from pydantic import SecretStr

from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.settings import Settings
from service.core.resources import api_keys
from stack.readiness import BUCKET
from stack.running import Stack, running_stack
from tests.faulty_s3 import FaultyS3, faulty_s3
from tests.receiver import Receiver, receiving
from tests.servers import Embedded, embedded_servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVERS = {"embedded", "stack_up", "stack"}
"""Fixtures that start servers, on the first test that needs them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers, through whatever fixture, before `-m` is looked at."""
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def s3_described_once() -> Iterator[None]:
    """Keep what botocore reads: each of a run's hundreds of clients would parse a megabyte of JSON for itself."""
    read: dict[str, Any] = {}
    load = JSONFileLoader.load_file

    def load_once(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in read:
            read[file_path] = load(self, file_path)
        return read[file_path]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(JSONFileLoader, "load_file", load_once)
        yield


@pytest.fixture(scope="session")
def embedded(s3_described_once: None) -> Iterator[Embedded]:
    """Redis and S3, started once per session with the bucket made, stopped at its end."""
    # Being terminated is to end the session as Ctrl-C does: with the servers stopped.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="ladd-tests-") as directory, embedded_servers(Path(directory)) as servers:
        yield servers
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def s3(embedded: Embedded) -> Iterator["S3Client"]:
    """A client of the S3, for looking behind the service's back."""
    client = boto3.client(
        "s3",
        endpoint_url=embedded.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=embedded.s3_access_key,
        aws_secret_access_key=embedded.s3_secret_key,
    )
    with closing(client):
        yield client


@pytest.fixture
def settings(embedded: Embedded, s3: "S3Client", tmp_path: Path) -> Settings:
    """Settings of an empty Redis, an empty bucket and an empty data directory."""
    with closing(redis.Redis.from_url(embedded.redis_url)) as client:
        client.flushall()
    _empty_bucket(s3)
    return Settings(
        redis_url=embedded.redis_url,
        s3_endpoint_url=embedded.s3_endpoint,
        s3_bucket=BUCKET,
        s3_access_key=embedded.s3_access_key,
        s3_secret_key=SecretStr(embedded.s3_secret_key),
        data_dir=tmp_path / "data",
    )


@pytest.fixture
def faulty(embedded: Embedded) -> Iterator[FaultyS3]:
    """The same S3 behind a proxy that can be told to refuse."""
    with faulty_s3(embedded.s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks on loopback."""
    with receiving() as started:
        yield started


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    """The service's core on those settings."""
    with closing(open_core(settings)) as opened:
        yield opened


@pytest.fixture
def forget_keys(core: Core) -> Iterator[None]:
    """Leave no API key behind, which would lock the fronts of other tests."""
    yield
    core.redis.delete(redis_keys.API_KEYS)
    for path in core.storage.list_keys(api_keys.FOLDER):
        core.storage.delete(path)


@pytest.fixture
def make_key(core: Core, forget_keys: None) -> Callable[..., str]:
    """Make an API key of a tenant with some scopes; returns its secret."""

    def make(tenant: str, *scopes: api_keys.Scope) -> str:
        return api_keys.create(core, tenant, "a test", scopes)[1]

    return make


@pytest.fixture(scope="session")
def stack_up() -> Iterator[Stack]:
    """Redis, S3, worker and API as `make up` starts them, for the whole session."""
    with tempfile.TemporaryDirectory(prefix="ladd-stack-") as directory, running_stack(Path(directory)) as stack:
        yield stack


def _empty_bucket(s3: "S3Client") -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        if keys := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
            s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})  # type: ignore[typeddict-item]
    for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
