"""Cancellation at random moments of a job, the last ones included."""

import random
import sys
import time

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import ProblemError

from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the runners in /proc"),
]

ROUNDS = 20
EFFECT_SECONDS = 5


def test_a_cancellation_takes_effect_whenever_it_comes(
    client: LaddClient, faults: Faults, evaluations: Evaluations, calm_seconds: float, moments: random.Random
) -> None:
    for number in range(ROUNDS):
        job = evaluations.submit()
        time.sleep(moments.uniform(0, calm_seconds))
        asked = time.monotonic()
        cancel(client, job.id)
        wait_for(lambda: client.job(job.id).finished_at is not None and not faults.runners(job.id))  # noqa: B023
        took = time.monotonic() - asked
        ended = client.job(job.id)
        print(f"{number}: {ended.state} after {took:.1f} s, {[task.state.value for task in ended.tasks]}")
        assert ended.state in (JobState.CANCELED, JobState.SUCCEEDED)
        assert took < EFFECT_SECONDS
        if ended.state is JobState.CANCELED:
            assert all(task.state in (JobState.CANCELED, JobState.SUCCEEDED) for task in ended.tasks)


def cancel(client: LaddClient, job_id: str) -> None:
    """Cancel a job, unless it has ended already."""
    try:
        client.cancel(job_id)
    except ProblemError as refusal:
        if refusal.problem.code is not ErrorCode.JOB_NOT_CANCELABLE:
            raise


def test_what_was_canceled_can_be_taken_up_again(
    client: LaddClient, faults: Faults, evaluations: Evaluations, calm: Job
) -> None:
    job = evaluations.submit()
    wait_for(lambda: bool(faults.runners(job.id)))
    client.cancel(job.id)
    wait_for(lambda: client.job(job.id).state is JobState.CANCELED)
    again = client.wait(client.retry(job.id).id)
    assert again.state is JobState.SUCCEEDED, again.error
    assert evaluations.numbers(again) == evaluations.numbers(calm)
