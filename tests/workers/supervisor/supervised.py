"""Common parts of the supervisor's tests: one slot, and the end of a task of one attempt."""

import time
from collections.abc import Callable
from pathlib import Path

from api_schemas.datasets import Dataset
from api_schemas.jobs import Attempt, Job
from api_schemas.problems import TaskError
from service.core.clients import Core
from service.core.lifecycle.tasks import ClaimedTask
from service.core.resources import jobs
from workers.supervisor.slots import Slot

SLOT = Slot(gpu=None, slots=1)
SCRIPTED = str(Path(__file__).with_name("scripted_runner.py"))

Submit = Callable[..., Dataset]
Claim = Callable[..., ClaimedTask]
Run = Callable[..., None]


def only_attempt(job: Job) -> Attempt:
    (task,) = job.tasks
    (attempt,) = task.attempts
    return attempt


def error_of(core: Core, dataset: Dataset) -> TaskError:
    error = only_attempt(jobs.view(core, dataset.job)).error
    assert error is not None
    return error


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
