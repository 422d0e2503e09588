"""When a process of the stack may be used: each question answers with what is still missing, or None."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import boto3
import httpx
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry

BUCKET = "ladd"

READY_SECONDS = 120.0
"""Ten times what the slowest (the first write to S3 after a kill, a worker's start) took on a busy machine."""

POLL_SECONDS = 0.1
LOG_LINES = 30


class NotReadyError(RuntimeError):
    """A process died or was not ready in time."""


def redis_missing(url: str) -> str | None:
    """Whether Redis answers PING."""
    try:
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))
        with closing(client):
            client.ping()
    except redis.RedisError as error:
        return str(error)
    return None


def s3_missing(endpoint: str, access_key: str, secret_key: str) -> str | None:
    """Whether S3 takes and deletes an object of ours and turns a stranger away. Makes the bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10, proxies={}),
    )
    with closing(client):
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (ClientError, BotoCoreError) as error:
            return str(error)
    try:
        stranger = httpx.get(f"{endpoint}/{BUCKET}", trust_env=False, timeout=10)
    except httpx.HTTPError as error:
        return str(error)
    return None if stranger.status_code == 403 else f"a request without credentials got {stranger.status_code}, not 403"


def http_missing(url: str) -> str | None:
    """Whether a GET of `url` answers 200."""
    try:
        answer = httpx.get(url, trust_env=False, timeout=10)
    except httpx.HTTPError as error:
        return str(error)
    return None if answer.status_code == 200 else f"{url} answers {answer.status_code}: {answer.text[:500]}"


def wait_until_ready(name: str, missing: Callable[[], str | None], alive: Callable[[], bool], log: Path) -> None:
    """Ask what is `missing` until nothing is.

    Raises:
        NotReadyError: the process is not `alive`, or time is up; the message ends with the last lines of `log`.
    """
    deadline = time.monotonic() + READY_SECONDS
    while (lacking := missing()) is not None:
        if not alive():
            raise NotReadyError(f"{name} stopped while starting; the end of its log:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{name} is not ready ({lacking}); the end of its log:\n{last_lines(log)}")
        time.sleep(POLL_SECONDS)


def last_lines(log: Path) -> str:
    """The last lines of a log file, indented."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])
