"""`docs/webhooks.md`: its receiver runs, takes what the service sends, and nothing else."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from ladd_client.api import LaddClient

from api_schemas.webhooks import DeliveryState
from service.core.foundation.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_private": "127.0.0.1"})


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.slow
def test_the_receiver(client: LaddClient) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    port = free_port()
    hook = client.create_webhook(f"http://127.0.0.1:{port}/ladd")
    assert hook.secret is not None
    environment = {**os.environ, "WEBHOOK_SECRET": hook.secret}
    command = [sys.executable, "-c", program.replace("9000", str(port))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            _wait_for(port)
            assert httpx.post(hook.url, content=b"{}", trust_env=False).status_code == 400
            delivery = client.test_webhook(hook.id)
            deadline = time.monotonic() + 30
            while client.webhook_delivery(hook.id, delivery.id).state is not DeliveryState.SUCCEEDED:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == f"webhook.test {hook.id}\n"
        finally:
            receiver.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
