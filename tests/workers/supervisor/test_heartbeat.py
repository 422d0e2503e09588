"""A worker is well while its loop beats and it takes the messages it has room for."""

import pytest

from service.core.clients import Core
from service.core.foundation.settings import Settings
from workers.supervisor.heartbeat import SILENT_SECONDS, Heartbeat, ailment, heartbeat_key
from workers.supervisor.slots import Slots, slots_by_queue

Clock = list[float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    now = [1000.0]
    monkeypatch.setattr("workers.supervisor.heartbeat.monotonic", lambda: now[0])
    return now


@pytest.fixture
def slots() -> dict[str, Slots]:
    return slots_by_queue(Settings(worker_queues="cpu", worker_slots=1))


def test_a_worker_that_never_beat_is_not_well(core: Core) -> None:
    assert ailment(core) == f"no sign of life for {SILENT_SECONDS} s"


def test_a_beat_is_forgotten_after_a_while(core: Core, slots: dict[str, Slots]) -> None:
    Heartbeat(core, slots).beat()
    assert ailment(core) is None
    assert 0 < core.redis.ttl(heartbeat_key(core.settings)) <= SILENT_SECONDS


def test_messages_that_wait_beside_a_free_slot_are_an_ailment(
    core: Core, slots: dict[str, Slots], clock: Clock
) -> None:
    core.dispatcher.wake("job_a", "ingest", "cpu")
    heartbeat = Heartbeat(core, slots)
    heartbeat.beat()
    assert ailment(core) is None
    clock[0] += SILENT_SECONDS + 1
    with slots["cpu"].taken():
        heartbeat.beat()
        assert ailment(core) is None, "a busy worker may let messages wait"
    clock[0] += SILENT_SECONDS + 1
    heartbeat.beat()
    clock[0] += SILENT_SECONDS + 1
    heartbeat.beat()
    assert ailment(core) == "messages wait for 61 s and none is taken"


def test_a_full_machine_excuses_no_message_that_waits_for_io(core: Core, slots: dict[str, Slots], clock: Clock) -> None:
    core.dispatcher.wake("job_a", "ingest", "io")
    heartbeat = Heartbeat(core, slots)
    with slots["cpu"].taken():
        for _ in range(2):
            heartbeat.beat()
            clock[0] += SILENT_SECONDS + 1
        heartbeat.beat()
    assert ailment(core) == "messages wait for 122 s and none is taken"


def test_a_message_that_is_taken_ends_the_wait(core: Core, slots: dict[str, Slots], clock: Clock) -> None:
    core.dispatcher.wake("job_a", "ingest", "cpu")
    heartbeat = Heartbeat(core, slots)
    heartbeat.beat()
    core.redis.delete("cpu")
    clock[0] += SILENT_SECONDS + 1
    heartbeat.beat()
    assert ailment(core) is None
