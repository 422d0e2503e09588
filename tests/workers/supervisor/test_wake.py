"""A wake-up leads to one claim, unless it speaks a protocol that this worker does not know."""

import threading
from collections.abc import Callable

import pytest

from api_schemas.jobs import TERMINAL_STATES
from service.core.clients import Core
from service.core.foundation.protocol import PROTOCOL
from service.core.queue.dispatch import PROTOCOL_HEADER, WAKE
from service.core.resources import jobs
from tests.workers.supervisor.supervised import SLOT, Submit
from workers.supervisor.celery_app import create_app
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.heartbeat import worker_name
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots
from workers.supervisor.wake import answer_to, register_wake

Wake = Callable[..., None]


@pytest.fixture
def wake(core: Core, cache: InputCache, fitness: Fitness, intake: Intake, shutting_down: threading.Event) -> Wake:
    """Have a worker take a wake-up for a task, with headers of its own."""
    app = create_app(core.settings)
    assert fitness.test(Place(SLOT)) is None
    slots = dict.fromkeys(("cpu", "gpu"), Slots([SLOT]))
    register_wake(app, answer_to(core, worker_name(), slots, cache, fitness, intake, shutting_down))

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
