"""A worker is well while its loop beats, its machine is in order, and it takes the messages it has room for."""

import os
import socket
import subprocess
from collections.abc import Callable

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.queue import workers
from service.core.queue.workers import SILENT_SECONDS, Sign
from tests.workers.supervisor.supervised import SLOT
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.heartbeat import Heartbeat, ailment, forget_predecessors, worker_name
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots

Clock = list[float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    now = [1000.0]
    monkeypatch.setattr("workers.supervisor.heartbeat.monotonic", lambda: now[0])
    return now


@pytest.fixture
def slots() -> dict[str, Slots]:
    machine = Slots([SLOT])
    return {"cpu": machine, "gpu": machine, "io": Slots([SLOT])}


@pytest.fixture
def heartbeat(core: Core, slots: dict[str, Slots], fitness: Fitness, intake: Intake) -> Heartbeat:
    assert fitness.test(Place(SLOT)) is None
    return Heartbeat(core, worker_name(), slots, fitness, intake)


def let_time_pass(core: Core, name: str) -> None:
    """Let the last sign of a worker run out."""
    expires = workers.known(core.redis)[name].expires
    text = str(core.redis.hget(redis_keys.WORKERS, name))
    core.redis.hset(redis_keys.WORKERS, name, text.replace(str(expires), str(expires - SILENT_SECONDS)))


def test_a_worker_that_never_beat_is_not_well(core: Core) -> None:
    assert ailment(core) == f"no sign of life for {SILENT_SECONDS} s"


def test_a_beat_counts_for_a_while(core: Core, heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert ailment(core) is None
    [name] = workers.known(core.redis)
    let_time_pass(core, name)
    assert ailment(core) == f"no sign of life for {SILENT_SECONDS} s"


def test_two_workers_of_one_host_have_a_sign_each(
    core: Core, heartbeat: Heartbeat, make_fitness: Callable[[str], Fitness], slots: dict[str, Slots], intake: Intake
) -> None:
    sick, name = make_fitness("fail_self_test"), worker_name()
    sick.test(Place(SLOT))
    Heartbeat(core, name, slots, sick, intake).beat()
    heartbeat.beat()
    assert ailment(core) == f"{name}: the CPU has failed its self-test: 1 + 1 is 3 here"
    let_time_pass(core, name)
    assert ailment(core) == f"{name}: no sign of life for {SILENT_SECONDS} s"
    workers.leave(core.redis, name)
    assert ailment(core) is None


def test_an_unfit_worker_does_not_count_as_one_that_takes_no_messages(
    core: Core, make_fitness: Callable[[str], Fitness], slots: dict[str, Slots], clock: Clock, intake: Intake
) -> None:
    core.dispatcher.wake("job_a", "ingest", "cpu")
    heartbeat = Heartbeat(core, worker_name(), slots, make_fitness("pass_self_test"), intake)
    for _ in range(3):
        heartbeat.beat()
        clock[0] += SILENT_SECONDS + 1
    assert ailment(core) == "the CPU is being tested"


def test_what_a_killed_worker_left_is_forgotten_by_the_next_on_its_host(core: Core) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    host = socket.gethostname()
    names = [f"{host}:{gone.pid}:aa", f"{host}:{os.getpid()}:bb", f"{host}:{os.getppid()}:cc", f"other:{gone.pid}:dd"]
    for name in names:
        workers.beat(core.redis, name, Sign({"cpu": 1}))
    forget_predecessors(core)
    assert set(workers.known(core.redis)) == set(names[2:])


def test_messages_that_wait_beside_a_free_slot_are_an_ailment(
    core: Core, heartbeat: Heartbeat, slots: dict[str, Slots], clock: Clock
) -> None:
    core.dispatcher.wake("job_a", "ingest", "cpu")
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


def test_a_full_machine_excuses_no_message_that_waits_for_io(
    core: Core, heartbeat: Heartbeat, slots: dict[str, Slots], clock: Clock
) -> None:
    core.dispatcher.wake("job_a", "ingest", "io")
    with slots["cpu"].taken():
        for _ in range(2):
            heartbeat.beat()
            clock[0] += SILENT_SECONDS + 1
        heartbeat.beat()
    assert ailment(core) == "messages wait for 122 s and none is taken"


def test_a_message_that_is_taken_ends_the_wait(core: Core, heartbeat: Heartbeat, clock: Clock) -> None:
    core.dispatcher.wake("job_a", "ingest", "cpu")
    heartbeat.beat()
    core.redis.delete("cpu")
    clock[0] += SILENT_SECONDS + 1
    heartbeat.beat()
    assert ailment(core) is None


def test_names_of_workers_are_distinct() -> None:
    assert worker_name() != worker_name()


def test_a_worker_whose_storage_is_away_says_so(core: Core, heartbeat: Heartbeat, intake: Intake) -> None:
    intake.failed(ServiceError(ErrorCode.UNAVAILABLE, "there is no such bucket"))
    heartbeat.beat()
    assert ailment(core) == "there is no such bucket"
    intake.ask()
    heartbeat.beat()
    assert ailment(core) is None
