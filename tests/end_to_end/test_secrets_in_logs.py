"""Keys, links and passwords go through the real front and a real worker, and into no line of their logs."""

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest

from service.core.clients import Core
from service.core.resources import api_keys
from service.core.resources.api_keys import Scope
from stack.ports import free_ports
from tests.receiver import Receiver
from tests.servers import Embedded

PRESIGN_SECONDS = 77


@pytest.fixture
def environment(core: Core, embedded: Embedded) -> dict[str, str]:
    (port,) = free_ports(1)
    return os.environ | {
        "LADD_REDIS_URL": embedded.redis_url,
        "LADD_S3_ENDPOINT_URL": embedded.s3_endpoint,
        "LADD_S3_BUCKET": core.settings.s3_bucket,
        "LADD_S3_ACCESS_KEY": embedded.s3_access_key,
        "LADD_S3_SECRET_KEY": embedded.s3_secret_key,
        "LADD_DATA_DIR": str(core.settings.data_dir),
        "LADD_PRESIGN_SECONDS": str(PRESIGN_SECONDS),
        "LADD_WORKER_QUEUES": "cpu",
        "LADD_WORKER_SLOTS": "1",
        "LADD_LOG_LEVEL": "DEBUG",
        "LADD_WEBHOOK_ALLOW_PRIVATE": "127.0.0.1",
        "LADD_HOST": "0.0.0.0",
        "LADD_PORT": str(port),
    }


@pytest.fixture
def secret(make_key: Callable[..., str]) -> str:
    return make_key("acme", Scope.READ, Scope.WRITE)


def small_set() -> bytes:
    content = io.BytesIO()
    np.savez(content, images=np.arange(6144, dtype=np.uint8).reshape(2, 32, 32, 3), labels=np.array([0, 1]))
    return content.getvalue()


def test_no_secret_gets_into_a_log(
    environment: dict[str, str], secret: str, embedded: Embedded, receiver: Receiver, tmp_path: Path
) -> None:
    logs = [tmp_path / "api.log", tmp_path / "worker.log"]
    with ExitStack() as stack:
        for log, module in zip(logs, ("service.http", "workers"), strict=True):
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=output, stderr=output)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        api = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{environment['LADD_PORT']}",
                headers={"Authorization": f"Bearer {secret}"},
                trust_env=False,
            )
        )
        deadline = time.monotonic() + 60
        while not _answers(api):
            assert time.monotonic() < deadline, logs[0].read_text()
            time.sleep(0.1)
        hook = api.post("/v1/webhooks", json={"url": receiver.url, "events": ["dataset.ready"]}).json()
        metadata = json.dumps({"name": "a set", "role": "distilled"})
        form: list[tuple[str, Any]] = [("metadata", (None, metadata)), ("files", ("a.npz", small_set()))]
        made = api.post("/v1/datasets", files=form).json()
        while (state := api.get(made["links"]["self"]).json()["state"]) == "validating":
            assert time.monotonic() < deadline, logs[1].read_text()
            time.sleep(0.2)
        assert state == "ready"
        link = api.get(f"{made['links']['self']}/preview.png").headers["Location"]
        assert httpx.get(link, trust_env=False).status_code == 200
        while not receiver.received:
            assert time.monotonic() < deadline, logs[1].read_text()
            time.sleep(0.2)
        # Where they do not belong.
        assert api.get("/v1/jobs", params={"api_key": secret}).status_code == 422
        assert api.get(f"/v1/jobs/{secret}").status_code == 404
        assert api.get("/v1/jobs", params={"from": link}).status_code == 422
        other = f"{api_keys.PREFIX}{'x' * 43}"
        assert api.get("/v1/jobs", headers={"Authorization": f"Bearer {other}"}).status_code == 401
        assert api.get("/v1/jobs", headers={"Authorization": f"Basic {secret}"}).status_code == 401
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == [str(PRESIGN_SECONDS)]
    redis_password = urlsplit(embedded.redis_url).password
    [message] = receiver.received
    ours = [hook["secret"], receiver.url, message.headers["webhook-signature"]]
    secrets = [*ours, secret, other, embedded.s3_secret_key, query["X-Amz-Signature"][0], link, redis_password]
    for log in logs:
        text = log.read_text()
        assert "DEBUG" in text
        assert [value for value in secrets if value and value in text] == []
        assert "Authorization" not in text
    access = [line for line in logs[0].read_text().splitlines() if "uvicorn.access" in line]
    assert any(re.search(r"api_key=ladd_[\w-]{4}\*\*\*", line) for line in access)


def _answers(api: httpx.Client) -> bool:
    try:
        return api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
