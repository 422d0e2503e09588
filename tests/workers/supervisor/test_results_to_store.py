"""A runner has ended and what it made is to be stored, but the storage is slow or away."""

import dataclasses
import json
import sys
import threading
import time
from contextlib import closing
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.objects.blobs import Blobs
from service.core.objects.storage import Storage
from service.core.resources import datasets, events, jobs
from tests.faulty_s3 import FaultyS3
from tests.workers.supervisor.supervised import SCRIPTED, SLOT, Claim, Run, Submit, error_of, only_attempt, wait_for
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.input_cache import InputCache
from workers.supervisor.warm_runner import WarmRunner

RESULT = {
    "stats": {
        "num_classes": 2,
        "ipc": 2,
        "num_images": 4,
        "splits": {"all": 4},
        "image_shape": [3, 32, 32],
        "dtype": "uint8",
        "sha256": "5" * 64,
        "bytes": 1234,
        "class_counts": [],
        "value_range": {"minimum": 0, "maximum": 255},
        "soft_labels": None,
        "learned_lr": None,
        "detection": {"format": "npz", "reason": "made up"},
        "normalization": {"name": "none", "mean": None, "std": None, "applied": False, "reason": "made up"},
        "warnings": [],
    }
}
"""The result an ingestion hands in."""


@pytest.fixture
def slow_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first blob takes longer than tests let a runner stand still or work, and is not stored in the end."""
    upload = Storage.upload_blob

    def hang(storage: Storage, *arguments: Any) -> None:
        monkeypatch.setattr(Storage, "upload_blob", upload)
        time.sleep(3)
        raise ServiceError(ErrorCode.UNAVAILABLE, "no answer")

    monkeypatch.setattr(Storage, "upload_blob", hang)


def test_storing_a_result_is_no_time_of_the_runner(
    core: Core, submit: Submit, claim: Claim, run: Run, slow_storage: None
) -> None:
    dataset = submit(json.dumps(RESULT).encode())
    run(dataclasses.replace(claim(dataset), stall_seconds=2, timeout_seconds=2), "hand_in_the_upload")
    job = jobs.view(core, dataset.job)
    assert only_attempt(job).outcome == "succeeded", only_attempt(job).error
    assert datasets.view(core, dataset.id).state is DatasetState.READY


def test_storing_a_checkpoint_is_no_standstill(
    core: Core, submit: Submit, claim: Claim, run: Run, slow_storage: None
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=2), "keep_checkpoint")
    assert error_of(core, dataset).code is ErrorCode.RUNNER_FAILED


def test_a_shutdown_while_a_result_waits_for_the_storage_costs_no_attempt(
    core: Core,
    settings: Settings,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = submit(json.dumps(RESULT).encode())
    claimed = claim(dataset)
    warm = WarmRunner((sys.executable, SCRIPTED, "hand_in_the_upload"))
    with closing(Storage(settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"}))) as away:
        holding = dataclasses.replace(core, blobs=Blobs(core.redis, away))
        thread = threading.Thread(target=run_task, args=(holding, claimed, SLOT, warm, cache, fitness, shutting_down))
        thread.start()
        wait_for(lambda: "The result cannot be stored" in caplog.text)
        shutting_down.set()
        thread.join()
    job = jobs.view(core, dataset.job)
    assert (job.tasks[0].state, only_attempt(job).outcome) == (JobState.QUEUED, "released")


def test_a_result_waits_for_the_storage_as_long_as_it_takes(
    core: Core,
    settings: Settings,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
    faulty: FaultyS3,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = 40
    # The waits grow to a minute each, which so many would take too long for a test.
    monkeypatch.setattr("workers.supervisor.attempt.pause_after", lambda failures: 0.01)
    dataset = submit(json.dumps(RESULT).encode())
    claimed = claim(dataset)
    faulty.refuses = lambda *_: (503, "SlowDown") if faulty.refused < refusals else None
    warm = WarmRunner((sys.executable, SCRIPTED, "hand_in_the_upload"))
    with closing(Storage(settings.model_copy(update={"s3_endpoint_url": faulty.url}))) as storage:
        storing = dataclasses.replace(core, blobs=Blobs(core.redis, storage))
        assert run_task(storing, claimed, SLOT, warm, cache, fitness, shutting_down) is None
    assert faulty.refused == refusals
    job = jobs.view(core, dataset.job)
    assert (job.state, only_attempt(job).outcome) == (JobState.SUCCEEDED, "succeeded")
    told = [event.data["message"] for event in events.read(core, dataset.job, None, 100) if event.type == "log"]
    assert len(told) == 1
    assert "503" in told[0]


def test_a_failure_waits_for_redis_as_a_result_does(
    core: Core, submit: Submit, claim: Claim, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.supervisor.attempt.pause_after", lambda failures: 0.01)
    finish, tries = type(core.store).finish, []

    def away_at_first(*arguments: Any) -> Any:
        tries.append(arguments)
        if len(tries) < 10:
            raise RedisConnectionError("away")
        return finish(*arguments)

    # The server cannot go away for this one command and keep the lease.
    monkeypatch.setattr(type(core.store), "finish", away_at_first)
    dataset = submit()
    run(claim(dataset), "say_nothing")
    assert len(tries) == 10
    assert error_of(core, dataset).code is ErrorCode.RUNNER_FAILED
