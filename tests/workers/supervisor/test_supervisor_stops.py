"""Tasks that the supervisor stops before their runner ends: too slow, canceled, given back, another's by now."""

import dataclasses
import threading
from collections.abc import Callable

import pytest

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from service.core.clients import Core
from service.core.foundation.redis_keys import LEASES
from service.core.lifecycle import tasks
from service.core.resources import datasets, jobs
from tests.workers.supervisor.supervised import Claim, Run, Submit, error_of, only_attempt


def test_a_task_that_takes_too_long_is_stopped(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), timeout_seconds=1), "stay")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.TIMEOUT, ErrorOrigin.TIMEOUT)
    assert "1 s" in error.message


def test_a_task_that_stands_still_is_stopped_though_its_runner_gives_signs_of_life(
    core: Core, submit: Submit, claim: Claim, run: Run
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "stand_still")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.TIMEOUT, ErrorOrigin.TIMEOUT)
    assert error.message == "no progress for 1 s"
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED


def test_an_upload_that_is_not_read_in_time_is_refused_after_the_second_try(
    core: Core, submit: Submit, claim: Claim, run: Run
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "stand_still")
    assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING
    run(dataclasses.replace(claim(dataset), timeout_seconds=1), "stay")
    refused = datasets.view(core, dataset.id)
    assert refused.state is DatasetState.REJECTED
    assert [(reason.location, reason.rule, reason.value) for reason in refused.reasons] == [
        ("files", "time_limit", "1 s")
    ]
    assert [attempt.outcome for attempt in jobs.view(core, dataset.job).tasks[0].attempts] == ["failed", "failed"]


def test_a_task_that_gets_on_slowly_is_left_alone(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "crawl")
    assert error_of(core, dataset).message == "the end"


@pytest.mark.parametrize("script", ["stay", "stay_deaf"])
def test_a_canceled_task_is_stopped(
    core: Core, submit: Submit, claim: Claim, run_aside: Callable[..., threading.Thread], script: str
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), script)
    jobs.cancel(core, dataset.job)
    thread.join()
    job = jobs.view(core, dataset.job)
    assert job.state is JobState.CANCELED
    assert only_attempt(job).outcome == "canceled"


def test_a_shutdown_gives_the_task_back(
    core: Core,
    submit: Submit,
    claim: Claim,
    run_aside: Callable[..., threading.Thread],
    shutting_down: threading.Event,
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "stay")
    shutting_down.set()
    thread.join()
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED
    assert claim(dataset, "another").attempt == 2


def test_a_shutdown_lets_the_runner_save_what_it_has_done(
    core: Core,
    submit: Submit,
    claim: Claim,
    run: Run,
    run_aside: Callable[..., threading.Thread],
    shutting_down: threading.Event,
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "save_when_asked")
    shutting_down.set()
    thread.join()
    assert only_attempt(jobs.view(core, dataset.job)).outcome == "released"
    shutting_down.clear()
    run(claim(dataset, "another"), "save_when_asked")
    error = jobs.view(core, dataset.job).error
    assert error is not None
    assert error.message == "saved on being asked"


def test_a_lost_lease_stops_the_runner_and_leaves_the_task_alone(
    core: Core, submit: Submit, claim: Claim, run_aside: Callable[..., threading.Thread]
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "stay")
    core.redis.zadd(LEASES, {f"{dataset.job} ingest": 0})
    assert tasks.lose(core, dataset.job, "ingest")
    other = claim(dataset, "another")
    thread.join()
    assert tasks.renew(core, other) == "held"
    assert [attempt.outcome for attempt in jobs.view(core, dataset.job).tasks[0].attempts] == ["lost", None]
