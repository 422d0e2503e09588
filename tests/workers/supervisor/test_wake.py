"""A wake-up leads to claims as long as there is work, unless it speaks a protocol that this worker does not know."""

import sys
import threading
from collections.abc import Callable

import pytest

from api_schemas.datasets import Dataset
from api_schemas.jobs import TERMINAL_STATES
from service.core.clients import Core
from service.core.foundation.protocol import PROTOCOL
from service.core.queue.dispatch import PROTOCOL_HEADER, WAKE
from service.core.resources import jobs
from tests.workers.supervisor.supervised import SCRIPTED, SLOT, Submit
from workers.supervisor.celery_app import create_app
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.heartbeat import worker_name
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots
from workers.supervisor.wake import Answering, register_wake
from workers.supervisor.warm_runner import WarmRunner

Wake = Callable[..., None]


@pytest.fixture
def wake(core: Core, cache: InputCache, fitness: Fitness, intake: Intake, shutting_down: threading.Event) -> Wake:
    """Have a worker take a wake-up for a task, with headers of its own."""
    app = create_app(core.settings)
    assert fitness.test(Place(SLOT)) is None
    slots = dict.fromkeys(("cpu", "gpu"), Slots([SLOT]))
    register_wake(app, Answering(core, worker_name(), slots, cache, fitness, intake, shutting_down))

    def take(job_id: str, **headers: int) -> None:
        task = app.tasks[WAKE]
        task.push_request(delivery_info={"routing_key": "cpu"}, **headers)
        task.run(job_id, "ingest")
        task.pop_request()

    return take


def test_a_wake_up_of_a_newer_front_is_left_alone(core: Core, submit: Submit, wake: Wake) -> None:
    dataset = submit()
    wake(dataset.job, **{PROTOCOL_HEADER: PROTOCOL + 1})
    assert jobs.view(core, dataset.job).tasks[0].attempts == []


@pytest.mark.parametrize("headers", [{}, {PROTOCOL_HEADER: PROTOCOL}], ids=["an older front", "this version"])
def test_others_are_followed(core: Core, submit: Submit, wake: Wake, headers: dict[str, int]) -> None:
    dataset = submit()
    wake(dataset.job, **headers)
    assert jobs.view(core, dataset.job).state in TERMINAL_STATES


def test_a_claim_that_cannot_be_read_closes_the_intake_for_a_while(
    core: Core, submit: Submit, wake: Wake, intake: Intake
) -> None:
    dataset = submit()
    core.redis.hset(f"ladd:task:{dataset.job}:ingest", "type", "of a later version")
    wake(dataset.job)
    (task,) = [core.redis.hgetall(f"ladd:task:{dataset.job}:ingest")]
    assert (task["state"], task["outcome:1"]) == ("queued", "released")
    assert "of a later version" in task["error:1"]
    assert "of a later version" in str(intake.trouble)


@pytest.fixture
def answer(
    core: Core,
    cache: InputCache,
    fitness: Fitness,
    intake: Intake,
    shutting_down: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> Answering:
    """The answer of a worker with one slot for all queues, whose runners refuse what they read."""
    monkeypatch.setattr("workers.supervisor.wake.WarmRunner", lambda: WarmRunner((sys.executable, SCRIPTED, "refuse")))
    assert fitness.test(Place(SLOT)) is None
    slots = dict.fromkeys(("io", "cpu"), Slots([SLOT]))
    return Answering(core, worker_name(), slots, cache, fitness, intake, shutting_down)


def begun(core: Core, datasets: list[Dataset]) -> list[int]:
    """The places of those sets whose ingestion has begun, the earliest first."""
    attempts = [jobs.view(core, dataset.job).tasks[0].attempts for dataset in datasets]
    return sorted(
        (place for place, made in enumerate(attempts) if made), key=lambda place: attempts[place][0].started_at
    )


def test_a_slot_that_is_free_again_takes_what_comes_next(core: Core, submit: Submit, answer: Answering) -> None:
    uploads = [submit() for _ in range(3)]
    answer("io", uploads[0].job, "ingest")
    assert begun(core, uploads) == [0, 1, 2]
    assert [len(jobs.view(core, dataset.job).tasks[0].attempts) for dataset in uploads] == [1, 1, 1]


def test_queues_of_a_slot_take_turns(
    core: Core, submit: Submit, answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.core.kinds.ingest_dataset._is_small", lambda upload: True)
    small = [submit(), submit()]
    monkeypatch.setattr("service.core.kinds.ingest_dataset._is_small", lambda upload: False)
    large = [submit(), submit()]
    answer("io", small[0].job, "ingest")
    assert begun(core, [*small, *large]) == [0, 2, 1, 3]


def test_a_worker_that_shuts_down_takes_nothing_more(
    core: Core, submit: Submit, answer: Answering, shutting_down: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = [submit() for _ in range(2)]
    monkeypatch.setattr(answer.intake, "succeeded", shutting_down.set)
    answer("io", uploads[0].job, "ingest")
    assert begun(core, uploads) == [0]


def test_a_worker_in_trouble_takes_nothing_more(
    core: Core, submit: Submit, answer: Answering, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = [submit() for _ in range(2)]
    monkeypatch.setattr(intake, "succeeded", lambda: intake.failed(OSError("the storage is away")))
    answer("io", uploads[0].job, "ingest")
    assert begun(core, uploads) == [0]
