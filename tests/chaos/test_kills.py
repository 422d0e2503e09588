"""kill -9 at random moments: the job succeeds, with the numbers of an undisturbed one, and nothing runs twice."""

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import Job, JobState
from client.api import LaddClient
from service.core.settings import Settings
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the runners in /proc"),
]

ROUNDS = 2
EPOCHS = 100

CLAIMED_AGAIN_SECONDS = 15
"""After the lease: up to 10 s for the lock of a reaper that was killed with it, 5 s between two looks."""

Kill = Callable[[Faults, str], object]

VICTIMS: dict[str, Kill] = {
    "runner": Faults.kill_runner,
    "worker": lambda faults, _: faults.kill("worker"),
    "machine": Faults.kill_worker_with_runners,
    "api": lambda faults, _: faults.kill("api"),
    "redis": lambda faults, _: faults.kill("redis"),
    "s3": lambda faults, _: faults.kill("s3"),
}


@pytest.fixture(scope="module")
def calm(client: LaddClient, evaluations: Evaluations) -> Job:
    """A job that nothing happens to."""
    job = client.wait(evaluations.submit(EPOCHS).id)
    assert job.state is JobState.SUCCEEDED, job.error
    return job


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_costs_no_more_than_the_attempt(
    client: LaddClient, faults: Faults, evaluations: Evaluations, calm: Job, moments: random.Random, victim: str
) -> None:
    assert calm.started_at is not None
    assert calm.finished_at is not None
    seconds = (calm.finished_at - calm.started_at).total_seconds()
    waits = []
    for number in range(ROUNDS):
        submitted = evaluations.submit(EPOCHS)
        time.sleep(moments.uniform(0, seconds))
        killed_at = datetime.now(UTC)
        VICTIMS[victim](faults, submitted.id)
        told: list[JobEvent] = []
        job = client.wait(submitted.id, told.append)
        assert job.state is JobState.SUCCEEDED, job.error
        assert evaluations.numbers(job) == evaluations.numbers(calm)
        for task in job.tasks:
            assert [attempt.outcome for attempt in task.attempts].count("succeeded") == 1
            assert task.attempts[-1].outcome == "succeeded"
            waits += [(attempt.started_at - killed_at).total_seconds() for attempt in task.attempts[1:]]
        ends = [event.task for event in told if event.type is EventType.STATE and event.data["state"] == "succeeded"]
        assert sorted(ends, key=str) == sorted([None, *(task.name for task in job.tasks)], key=str)
        wait_for(lambda: not faults.runners())
        print(f"{victim} {number}: {[attempt.outcome for task in job.tasks for attempt in task.attempts]}")
    print(f"{victim}: {len(waits)} attempts again in {ROUNDS} rounds, the latest after {max(waits, default=0):.1f} s")
    assert all(wait < Settings().lease_seconds + CLAIMED_AGAIN_SECONDS for wait in waits)
