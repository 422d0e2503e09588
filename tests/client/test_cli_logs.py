"""`ladd logs`, so far and as it happens."""

from collections.abc import Callable
from typing import Any

import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import LogEvent

Ladd = Callable[..., Any]

BROKEN = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INPUT, message="it broke", reasons=[])


@pytest.fixture
def job(worker: Any) -> Job:
    """A job whose labeler was trained, and whose labelling failed."""
    started: Job = worker.start_ladd()
    worker.train_labeler(started.id)
    claimed = worker.claim(started.id, "generate_labels")
    worker.say(claimed, LogEvent(event="log", level="warning", message="careful\x1b[2J"))
    worker.fail(claimed, BROKEN)
    return started


def test_of_all_tasks_or_of_one(ladd: Ladd, job: Job) -> None:
    told = ladd("logs", job.id).stdout.splitlines()
    assert told[0].endswith("Z generate_labels attempt 1 warning: careful\\x1b[2J")
    assert told[1].endswith("Z generate_labels attempt 1 error: it broke (internal, origin input)")
    assert len(told) == 2
    only = ladd("logs", job.id, "generate_labels", "--tail", "1").stdout
    assert only.endswith("Z attempt 1 error: it broke (internal, origin input)\n")
    assert ladd("logs", job.id, "train_labeler").stdout == ""


def test_followed_to_the_end_they_are_the_same(ladd: Ladd, job: Job) -> None:
    for task in ([], ["generate_labels"]):
        assert ladd("logs", job.id, *task, "--follow").stdout == ladd("logs", job.id, *task).stdout
    assert "leave one of the two out" in ladd("logs", job.id, "--follow", "--tail", "1").stderr


def test_a_task_that_there_is_not(ladd: Ladd, client: LaddClient, job: Job) -> None:
    refused = ladd("logs", job.id, "evaluate")
    assert refused.exit_code == 1
    assert "There is no task of" in refused.stderr
