"""kill -9 at random moments: the job succeeds, with the numbers of an undisturbed one, and nothing runs twice."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from ladd_client.api import LaddClient

from api_schemas.events import KEPT, EventType, JobEvent
from api_schemas.jobs import Job, JobState
from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.resources import events
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the runners in /proc"),
]

ROUNDS = 20

SAVED_ROUNDS = 3
SAVED_EPOCHS = 3000
"""For longer than the 30 s after which a trial is saved, and the 10 s after which it is killed at the latest."""
SAVED_SECONDS = 10

CLAIMED_AGAIN_SECONDS = 15
"""After the lease: up to 10 s for the lock of a reaper that was killed with it, 5 s between two looks."""

VICTIMS: dict[str, Callable[[Faults, str], object]] = {
    "runner": Faults.kill_runner,
    "worker": lambda faults, _: faults.kill("worker"),
    "machine": Faults.kill_worker_with_runners,
    "api": lambda faults, _: faults.kill("api"),
    "redis": lambda faults, _: faults.kill("redis"),
    "s3": lambda faults, _: faults.kill("s3"),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_costs_no_more_than_the_attempt(
    client: LaddClient,
    faults: Faults,
    evaluations: Evaluations,
    core: Core,
    calm: Job,
    calm_seconds: float,
    moments: random.Random,
    victim: str,
) -> None:
    told_at = row_told_at(core, calm)
    assert told_at is not None
    assert calm.finished_at is not None
    calm_end_seconds = (calm.finished_at - told_at).total_seconds()
    waits: list[float] = []
    moments_met: Counter[str] = Counter()
    for number in range(ROUNDS):
        submitted = evaluations.submit()
        if number % 2 == 0:
            time.sleep(moments.uniform(0, calm_seconds))
        else:
            # The ends are short, and where most can go wrong: the trial's result is stored, and the report made.
            wait_for(lambda: row_told_at(core, submitted) is not None)  # noqa: B023
            time.sleep(moments.uniform(0, calm_end_seconds))
        killed_at = datetime.now(UTC)
        VICTIMS[victim](faults, submitted.id)
        told: list[JobEvent] = []
        job = client.wait(submitted.id, told.append)
        outcomes = {task.name: [attempt.outcome for attempt in task.attempts] for task in job.tasks}
        again = [attempt for task in job.tasks for attempt in task.attempts[1:]]
        waited = [(attempt.started_at - killed_at).total_seconds() for attempt in again]
        print(f"{victim} {number}: met {met(told, killed_at)}: {outcomes}, again after {waited} s")
        moments_met[met(told, killed_at)] += 1
        waits += waited
        assert job.state is JobState.SUCCEEDED, job.error
        assert evaluations.numbers(job) == evaluations.numbers(calm)
        # Every task succeeded once and was left alone after that, and so did the job.
        assert all(found.count("succeeded") == 1 and found[-1] == "succeeded" for found in outcomes.values())
        ends = [event.task for event in told if event.type is EventType.STATE and event.data["state"] == "succeeded"]
        assert sorted(ends, key=str) == sorted([None, *outcomes], key=str)
        # A listener through it all heard everything, once.
        kept = [event for event in told if event.type is not EventType.PROGRESS]
        assert kept == list(client.events(job.id, types=KEPT))
        wait_for(lambda: not faults.runners())
    print(f"{victim}: met {dict(moments_met)}")
    print(f"{victim}: {len(waits)} attempts again in {ROUNDS} rounds, the latest after {max(waits, default=0):.1f} s")
    assert all(wait < Settings().lease_seconds + CLAIMED_AGAIN_SECONDS for wait in waits)


def test_a_trial_goes_on_from_its_last_checkpoint(
    client: LaddClient, core: Core, faults: Faults, evaluations: Evaluations, moments: random.Random
) -> None:
    calm = client.wait(evaluations.submit(SAVED_EPOCHS).id)
    assert calm.state is JobState.SUCCEEDED, calm.error
    for number in range(SAVED_ROUNDS):
        submitted = evaluations.submit(SAVED_EPOCHS)
        wait_for(lambda: is_saved(core, submitted))  # noqa: B023
        time.sleep(moments.uniform(0, SAVED_SECONDS))
        faults.kill_worker_with_runners(submitted.id)
        told: list[JobEvent] = []
        job = client.wait(submitted.id, told.append)
        assert job.state is JobState.SUCCEEDED, job.error
        assert [attempt.outcome for attempt in job.tasks[0].attempts] == ["lost", "succeeded"]
        lost_at = job.tasks[0].attempts[1].started_at
        shown = [event for event in told if event.type is EventType.PROGRESS and event.task == job.tasks[0].name]
        before = [event.data["done"] for event in shown if event.time < lost_at]
        again = [event.data["done"] for event in shown if event.time >= lost_at]
        print(f"{number}: {max(before)} of {shown[-1].data['total']} images, and again from {max(again[:2])} on")
        # It was saved after 30 s of work, and killed no more than a third of that later.
        assert max(again[:2]) > max(before) / 2
        assert evaluations.numbers(job) == evaluations.numbers(calm)


def is_saved(core: Core, job: Job) -> bool:
    """Whether a later attempt at its trial would go on from a checkpoint."""
    found = core.store.load(job.id)
    assert found is not None
    return bool(found.tasks[0].checkpoint)


def row_told_at(core: Core, job: Job) -> datetime | None:
    """When its trial told what it found, after which its result is stored and the report made; None: not yet."""
    told = events.read(core, job.id, None, core.settings.events_kept)
    return next((event.time for event in told if event.type is EventType.ROW), None)


def met(told: list[JobEvent], moment: datetime) -> str:
    """The tasks of the job that were running at that moment."""
    before = [event for event in told if event.time <= moment]
    states = {event.task: event.data["state"] for event in before if event.task and event.type is EventType.STATE}
    if states.get("report") == "running":
        return "report"
    if "running" not in states.values():
        return "nothing"
    return "trial's end" if any(event.type is EventType.ROW for event in before) else "trial"


def test_wake_ups_that_come_many_times_start_nothing_twice(
    client: LaddClient, core: Core, evaluations: Evaluations
) -> None:
    job = evaluations.submit()
    while (found := client.job(job.id)).finished_at is None:
        for task in found.tasks:
            core.dispatcher.wake(job.id, task.name, "cpu")
        time.sleep(0.5)
    assert found.state is JobState.SUCCEEDED, found.error
    assert [len(task.attempts) for task in found.tasks] == [1] * len(found.tasks)
