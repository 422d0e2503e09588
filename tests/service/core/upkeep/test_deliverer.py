"""Messages are sent until they are taken: with pauses, under one id, by one process at a time."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.ids import new_id
from service.core.foundation.settings import Settings
from service.core.upkeep import deliverer
from service.core.upkeep.deliverer import PAUSES, deliver_next, deliverer_threads
from service.core.webhooks.deliveries import Message
from service.core.webhooks.hooks import Hook, SigningSecret, new_secret
from tests.receiver import Receiver, receiving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_private": "127.0.0.0/8"})


class Sender:
    """A webhook that leads to the receiver, and messages for it."""

    def __init__(self, core: Core, url: str, tenant: str = "ours") -> None:
        self.core = core
        self.tenant = tenant
        self.id = new_id("wh")
        hook = Hook(
            id=self.id,
            tenant=tenant,
            url=url,
            events=["job.*"],
            description="",
            secrets=[SigningSecret(secret=new_secret())],
            created_at=datetime.now(UTC),
        )
        assert core.hooks.create(hook, 10)

    def put(self) -> str:
        message = new_id("msg")
        self.core.deliveries.put([Message(self.tenant, self.id, message, "webhook.test", "{}")])
        time.sleep(0.002)  # Two of one millisecond have no order.
        return message

    def state(self, message: str) -> tuple[str, list[Any]]:
        record = self.core.deliveries.find(self.id, message)
        assert record is not None
        return record.fields["state"], [attempt["status"] or attempt["error"] for attempt in record.attempts]

    def due_in(self, message: str) -> float:
        """Seconds until the next attempt."""
        due = self.core.redis.zscore(redis_keys.webhook_line(self.id), message)
        assert due is not None
        return (due - self.core.store.now()) / 1000

    def make_due(self, message: str) -> None:
        """Let the pause be over."""
        self.core.redis.zadd(redis_keys.webhook_line(self.id), {message: 0})
        self.core.redis.zadd(redis_keys.WEBHOOK_TURNS, {f"{self.tenant} {self.id}": 0})

    @property
    def hook(self) -> Hook:
        found = self.core.hooks.find(self.tenant, self.id)
        assert found is not None
        return found


@pytest.fixture
def sender(core: Core, receiver: Receiver) -> Sender:
    return Sender(core, receiver.url)


def test_a_message_that_is_taken_is_not_sent_again(core: Core, sender: Sender, receiver: Receiver) -> None:
    message = sender.put()
    assert deliver_next(core)
    assert not deliver_next(core)
    assert receiver.ids == [message]
    assert sender.state(message) == ("succeeded", [204])


def test_a_message_that_is_not_taken_is_sent_again_under_its_id(core: Core, sender: Sender, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 200]
    message = sender.put()
    for pause in PAUSES[:2]:
        assert deliver_next(core)
        assert not deliver_next(core)
        assert pause - 2 < sender.due_in(message) <= 1.2 * pause
        sender.make_due(message)
    assert sender.state(message)[0] == "pending"
    assert deliver_next(core)
    assert receiver.ids == [message] * 3
    assert sender.state(message) == ("succeeded", [500, 302, 200])


def test_tries_come_to_an_end_over_more_than_a_day(core: Core, sender: Sender, receiver: Receiver) -> None:
    assert 24 * 3600 < sum(PAUSES) < 36 * 3600
    receiver.statuses = [503] * 100
    message = sender.put()
    tries = 0
    while sender.state(message)[0] == "pending":
        sender.make_due(message)
        assert deliver_next(core)
        tries += 1
    assert tries == len(PAUSES) + 1 == len(receiver.received)
    assert sender.state(message)[0] == "failed"
    assert not deliver_next(core)
    assert sender.hook.enabled


def test_410_disables_a_webhook(core: Core, sender: Sender, receiver: Receiver) -> None:
    receiver.statuses = [410]
    first, second = sender.put(), sender.put()
    assert deliver_next(core)
    assert (sender.hook.enabled, sender.hook.disabled_reason) == (False, "It answered 410 Gone.")
    assert sender.state(first) == ("failed", [410])
    assert not deliver_next(core)
    # What waits, waits on.
    assert sender.state(second) == ("pending", [])
    core.hooks.change("ours", sender.id, lambda hook: hook.model_copy(update={"enabled": True}))
    core.deliveries.wake("ours", sender.id)
    assert deliver_next(core)
    assert sender.state(second) == ("succeeded", [204])


def test_who_has_failed_for_days_is_disabled(core: Core, sender: Sender, receiver: Receiver) -> None:
    receiver.statuses = [500, 500]
    message = sender.put()
    assert deliver_next(core)
    assert sender.hook.enabled
    began = datetime.now(UTC) - timedelta(days=deliverer.FAILING_DAYS, minutes=1)
    core.redis.set(redis_keys.webhook_failing(sender.id), round(began.timestamp() * 1000))
    sender.make_due(message)
    assert deliver_next(core)
    assert not sender.hook.enabled
    assert sender.hook.disabled_reason == f"Every attempt since {began:%Y-%m-%d %H:%M} UTC has failed."
    assert sender.state(message) == ("pending", [500, 500])


def test_one_that_was_disabled_meanwhile_is_not_called(core: Core, sender: Sender, receiver: Receiver) -> None:
    sender.put()
    core.hooks.change("ours", sender.id, lambda hook: hook.model_copy(update={"enabled": False}))
    assert deliver_next(core)
    assert not deliver_next(core)
    assert receiver.received == []


def test_of_one_that_is_gone_nothing_stays(core: Core, sender: Sender, receiver: Receiver) -> None:
    sender.put()
    core.hooks.remove("ours", sender.id)
    assert deliver_next(core)
    assert receiver.received == []
    assert core.redis.keys("ladd:webhook*") == []


def _deliver_and_hang(settings: Settings) -> None:
    with closing(open_core(settings)) as core:
        deliver_next(core)


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_sends_loses_nothing(
    core: Core, settings: Settings, sender: Sender, receiver: Receiver, wait_for: Callable[..., None]
) -> None:
    receiver.pause = threading.Event()
    message = sender.put()
    process = multiprocessing.get_context("spawn").Process(target=_deliver_and_hang, args=(settings,))
    process.start()
    wait_for(lambda: receiver.received)
    # Nobody else sends it meanwhile.
    assert not deliver_next(core)
    process.kill()
    process.join()
    receiver.pause.set()
    receiver.pause = None
    assert not deliver_next(core)
    assert 0 < sender.due_in(message) <= deliverer.LEASE_SECONDS
    sender.make_due(message)
    assert deliver_next(core)
    assert receiver.ids == [message] * 2
    assert sender.state(message) == ("succeeded", [204])


@pytest.fixture
def wait_for() -> Callable[..., None]:
    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "waited for 30 s"
            time.sleep(0.01)

    return wait


@pytest.fixture
def running(core: Core, settings: Settings) -> Iterator[list[threading.Thread]]:
    """The threads of two processes."""
    stop = threading.Event()
    with closing(open_core(settings)) as other:
        threads = [*deliverer_threads(core, stop), *deliverer_threads(other, stop)]
        for thread in threads:
            thread.start()
        yield threads
        stop.set()
        for thread in threads:
            thread.join()


def test_processes_share_the_work_and_send_each_message_once(
    core: Core, sender: Sender, receiver: Receiver, running: Any, wait_for: Callable[..., None]
) -> None:
    others = [Sender(core, receiver.url, tenant) for tenant in ("ours", "theirs")]
    messages = [each.put() for _ in range(10) for each in (sender, *others)]
    wait_for(lambda: len(receiver.received) >= len(messages))
    wait_for(lambda: core.redis.zcard(redis_keys.WEBHOOK_TURNS) == 0)
    assert sorted(receiver.ids) == sorted(messages)


def test_a_receiver_that_hangs_keeps_nobody_from_another(
    core: Core, sender: Sender, receiver: Receiver, running: Any, wait_for: Callable[..., None]
) -> None:
    receiver.pause = threading.Event()
    for _ in range(20):
        sender.put()
    wait_for(lambda: receiver.received)
    with receiving() as other:
        message = Sender(core, other.url, "theirs").put()
        wait_for(lambda: other.ids == [message])
    assert len(receiver.received) == 1
    receiver.pause.set()


def test_the_threads_survive_an_outage_and_stop_when_told(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"})
    stop = threading.Event()
    with closing(open_core(nowhere)) as core:
        [thread, *_] = deliverer_threads(core, stop)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_no_url_and_no_secret_is_logged(
    core: Core, sender: Sender, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = [410]
    sender.put()
    with caplog.at_level("DEBUG", logger="service"):
        assert deliver_next(core)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("service")]
    assert any(sender.id in line for line in ours)
    assert not any("127.0.0.1" in line or "token" in line or "whsec_" in line for line in ours)
