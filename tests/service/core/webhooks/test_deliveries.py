"""The lines of webhooks: taken by one at a time, back after a while, kept for a while, none in another's way."""

import threading
from collections.abc import Callable, Sequence

import pytest

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.ids import new_id
from service.core.webhooks import deliveries
from service.core.webhooks.deliveries import Message, Taken

MINUTE = 60_000
ATTEMPT = {"started_at": "2026-01-01T00:00:00+00:00", "seconds": 0.1, "status": 500, "answer": "", "error": None}

Put = Callable[..., str]


def take(core: Core, milliseconds: int = MINUTE) -> Taken:
    taken = core.deliveries.take(milliseconds)
    assert taken is not None
    return taken


def settle(core: Core, taken: Taken, state: str = "succeeded", pause: float | None = None) -> float | None:
    return core.deliveries.settle(taken, state, ATTEMPT, pause, well=state == "succeeded")


def state_of(core: Core, message: str, hook: str = "wh_a") -> str:
    record = core.deliveries.find(hook, message)
    assert record is not None
    return record.fields["state"]


def test_a_message_is_taken_once_and_done_once_it_is_settled(core: Core, put_in_line: Put) -> None:
    message = put_in_line()
    taken = take(core)
    assert taken == Taken("ours", "wh_a", message, 1, 1, '{"type": "webhook.test"}')
    assert core.deliveries.take(MINUTE) is None
    assert settle(core, taken) is None
    assert core.deliveries.take(MINUTE) is None
    record = core.deliveries.find("wh_a", message)
    assert record is not None
    assert record.attempts == [{"number": 1, **ATTEMPT}]
    assert core.redis.zcard(redis_keys.WEBHOOK_TURNS) == 0


def test_of_many_at_once_one_gets_it(core: Core, put_in_line: Put) -> None:
    put_in_line()
    got: list[Taken | None] = []
    threads = [threading.Thread(target=lambda: got.append(core.deliveries.take(MINUTE))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken is not None for taken in got) == 1


def test_who_was_killed_loses_nothing_and_comes_too_late(core: Core, put_in_line: Put) -> None:
    message = put_in_line()
    killed = take(core, 20)
    threading.Event().wait(0.05)
    second = take(core)
    assert (second.id, second.number, second.tries) == (message, 2, 2)
    # It was not dead after all: its word counts no more.
    assert settle(core, killed, "failed") is None
    assert state_of(core, message) == "pending"
    settle(core, second)
    assert state_of(core, message) == "succeeded"


def test_a_webhook_gets_one_message_at_a_time(core: Core, put_in_line: Put) -> None:
    messages = [put_in_line() for _ in range(3)]
    for message in messages:
        taken = take(core)
        assert taken.id == message
        put_in_line("wh_b")
        other = take(core)
        assert other.hook == "wh_b"
        assert core.deliveries.take(MINUTE) is None
        settle(core, taken)
        settle(core, other)
    assert core.deliveries.take(MINUTE) is None


def test_what_is_to_be_sent_again_holds_up_nothing_that_is_due(core: Core, put_in_line: Put) -> None:
    first = put_in_line()
    assert settle(core, take(core), "pending", 3600) is not None
    assert core.deliveries.take(MINUTE) is None
    second = put_in_line()
    taken = take(core)
    assert taken.id == second
    settle(core, taken)
    assert core.deliveries.take(MINUTE) is None
    record = core.deliveries.find("wh_a", first)
    assert record is not None
    left = int(record.fields["due"]) - core.store.now()
    assert 3590_000 < left <= 3600_000


def test_webhooks_take_turns(core: Core, put_in_line: Put) -> None:
    """A thousand messages of one are not in front of one message of another."""
    core.deliveries.put([Message("ours", "wh_a", new_id("msg"), "t", "{}") for _ in range(1000)])
    put_in_line("wh_b", "theirs")
    first, second = take(core), take(core)
    assert {first.hook, second.hook} == {"wh_a", "wh_b"}


def test_since_when_a_webhook_fails(core: Core, put_in_line: Put) -> None:
    before = core.store.now() / 1000
    put_in_line()
    since = settle(core, take(core), "pending", 0)
    assert since is not None
    assert before - 1 < since < before + 60
    threading.Event().wait(0.01)
    taken = take(core)
    assert settle(core, taken, "pending", 0) == since
    assert core.deliveries.failing_since(["wh_a", "wh_b"]) == [since, None]
    threading.Event().wait(0.01)
    settle(core, take(core))
    assert core.deliveries.failing_since(["wh_a"]) == [None]


def test_the_newest_are_kept_and_all_that_are_to_be_sent(
    core: Core, put_in_line: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MESSAGES_KEPT", 3)
    waiting = [put_in_line() for _ in range(2)]
    for _ in waiting:
        settle(core, take(core), "pending", 3600)
    sent = [put_in_line() for _ in range(5)]
    for _ in sent:
        settle(core, take(core))
    assert kept(core) == [*reversed(sent[2:]), *reversed(waiting)]
    assert len(core.redis.keys("ladd:webhook:wh_a:message:*")) == 5


def kept(core: Core, limit: int = 10) -> Sequence[str]:
    return [record.id for record in core.deliveries.page("wh_a", None, limit)[0]]


def test_of_attempts_the_newest_are_kept(core: Core, put_in_line: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "ATTEMPTS_KEPT", 2)
    message = put_in_line()
    for _ in range(4):
        settle(core, take(core), "pending", 0)
        threading.Event().wait(0.005)
    record = core.deliveries.find("wh_a", message)
    assert record is not None
    assert [attempt["number"] for attempt in record.attempts] == [3, 4]


def test_a_message_is_sent_again_with_new_tries(core: Core, put_in_line: Put) -> None:
    message = put_in_line()
    settle(core, take(core), "failed")
    assert core.deliveries.again("ours", "wh_a", message)
    taken = take(core)
    assert (taken.id, taken.number, taken.tries) == (message, 2, 1)
    assert not core.deliveries.again("ours", "wh_a", new_id("msg"))


def test_a_webhook_that_rests_is_left_alone_until_it_is_woken(core: Core, put_in_line: Put) -> None:
    message = put_in_line()
    core.deliveries.rest("ours", "wh_a")
    assert core.deliveries.take(MINUTE) is None
    core.deliveries.wake("ours", "wh_a")
    assert take(core).id == message


def test_nothing_stays_of_a_webhook_that_is_gone(core: Core, put_in_line: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "BATCH", 2)
    for _ in range(5):
        put_in_line()
    taken = take(core)
    settle(core, taken, "pending", 0)
    taken = take(core)
    core.deliveries.forget("ours", "wh_a")
    assert settle(core, taken, "failed") is None
    assert core.redis.keys("ladd:webhook*") == []


def test_the_messages_of_a_job_are_added_once(core: Core, submit_graph: Callable[..., str]) -> None:
    job = submit_graph({"only": []})
    for _ in range(3):
        core.deliveries.put([Message("ours", "wh_a", new_id("msg"), "job.failed", "{}")], about_job=job)
    assert len(kept(core)) == 1
    core.deliveries.put([Message("ours", "wh_a", new_id("msg"), "job.failed", "{}")], about_job=new_id("job"))
    assert len(kept(core)) == 1
