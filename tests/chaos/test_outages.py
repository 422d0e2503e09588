"""Redis or S3 are away for a minute: callers are told to come back, jobs go on and no attempt is lost for it."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import Job, JobState
from stack.running import Stack
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the runners in /proc"),
]

OUTAGE_SECONDS = 60
LONGEST_ANSWER = 45
"""Seconds: two silences of the storage and what a busy machine adds; less than clients wait for an answer."""

Fault = Callable[[Faults, str], AbstractContextManager[None]]


@pytest.mark.parametrize("fault", [Faults.stopped, Faults.away], ids=["stopped", "away"])
@pytest.mark.parametrize("server", ["redis", "s3"])
def test_a_minute_without(
    stack: Stack,
    client: LaddClient,
    faults: Faults,
    evaluations: Evaluations,
    calm: Job,
    server: str,
    fault: Fault,
) -> None:
    job = evaluations.submit()
    wait_for(lambda: bool(faults.runners(job.id)))
    began = time.monotonic()
    with fault(faults, server), httpx.Client(base_url=stack.url, timeout=120, trust_env=False) as api:
        path = f"/v1/jobs/{calm.id}"
        while time.monotonic() < began + OUTAGE_SECONDS:
            asked = time.monotonic()
            refused = api.get(path)
            took = time.monotonic() - asked
            print(f"{server} {fault.__name__}: {refused.status_code} after {took:.1f} s")
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.json()["code"] == "unavailable"
            assert took < LONGEST_ANSWER
            time.sleep(5)
    ended = client.wait(job.id)
    assert ended.state is JobState.SUCCEEDED, ended.error
    outcomes = [attempt.outcome for task in ended.tasks for attempt in task.attempts]
    print(f"{server} {fault.__name__}: {outcomes}")
    assert set(outcomes) <= {"succeeded", "released"}
    assert outcomes.count("succeeded") == len(ended.tasks)
    assert evaluations.numbers(ended) == evaluations.numbers(calm)
