"""Webhooks from Python and from the command line, with a real receiver."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import ProblemError
from ladd_client.webhooks import verify
from pydantic import ValidationError

from api_schemas.webhooks import Delivery, DeliveryState
from service.core.foundation.settings import Settings
from tests.receiver import Receiver


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_private": "127.0.0.1"})


def settled(client: LaddClient, delivery: Delivery, hook: str) -> Delivery:
    deadline = time.monotonic() + 30
    while (found := client.webhook_delivery(hook, delivery.id)).state is DeliveryState.PENDING:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_from_python(client: LaddClient, receiver: Receiver) -> None:
    made = client.create_webhook(receiver.url, ["job.*"], "mine")
    assert made.secret is not None
    assert made.secret not in repr(made)
    [hook] = client.webhooks()
    assert hook == client.webhook(made.id)
    assert (hook.events, hook.description) == (["job.*"], "mine")
    delivery = settled(client, client.test_webhook(hook.id), hook.id)
    assert (delivery.state, delivery.attempts[0].status) == ("succeeded", 204)
    client.redeliver(hook.id, delivery.id)
    settled(client, delivery, hook.id)
    assert receiver.ids == [delivery.id] * 2
    secret = client.rotate_webhook_secret(hook.id).secret
    assert secret is not None
    more = [client.test_webhook(hook.id) for _ in range(25)]
    assert {each.id for each in client.webhook_deliveries(hook.id)} == {each.id for each in [*more, delivery]}
    settled(client, more[-1], hook.id)
    assert verify(receiver.received[-1].headers, receiver.received[-1].body, secret)["type"] == "webhook.test"
    changed = client.change_webhook(hook.id, events=["dataset.ready"], enabled=False)
    assert (changed.events, changed.enabled, changed.description) == (["dataset.ready"], False, "mine")
    client.delete_webhook(hook.id)
    assert client.webhooks() == []


def test_what_is_wrong_is_said_before_it_is_sent(client: LaddClient) -> None:
    with pytest.raises(ValidationError, match="events"):
        client.create_webhook("https://hooks.example/", ["job.done"])
    with pytest.raises(ProblemError, match="do not lead"):
        client.create_webhook("https://10.0.0.1/")


def test_from_the_command_line(ladd: Callable[..., Any], client: LaddClient, receiver: Receiver) -> None:
    made = ladd("webhooks", "create", receiver.url, "--event", "job.*", "--event", "dataset.ready")
    assert made.exit_code == 0
    assert made.stdout.startswith("whsec_")
    assert len(made.stdout.splitlines()) == 1
    [hook] = client.webhooks()
    assert hook.events == ["job.*", "dataset.ready"]
    assert ladd("webhooks", "deliveries", hook.id).exit_code == 0
    receiver.statuses, receiver.answer = [410], b"gone\nfor good"
    message = ladd("webhooks", "test", hook.id).stdout.split()[0]
    settled(client, client.webhook_delivery(hook.id, message), hook.id)
    [row] = ladd("webhooks", "deliveries", hook.id).stdout.splitlines()[2:]
    assert row.split()[:6] == [message, "webhook.test", "failed", "1", "410", "gone"]
    assert "disabled: It answered 410 Gone." in ladd("webhooks", "list").stdout
    assert ladd("webhooks", "redeliver", hook.id, message).exit_code == 1
    assert ladd("webhooks", "enable", hook.id).stdout == f"{hook.id} enabled\n"
    assert ladd("webhooks", "redeliver", hook.id, message).exit_code == 0
    shown = json.loads(ladd("webhooks", "list", "--json").stdout)
    assert (shown["id"], shown["enabled"]) == (hook.id, True)
    assert ladd("webhooks", "rotate-secret", hook.id).stdout.startswith("whsec_")
    assert ladd("webhooks", "delete", hook.id).stdout == f"{hook.id} deleted\n"
