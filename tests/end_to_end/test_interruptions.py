"""Processes that compute, or tell of it, are killed or stopped in the middle of a job: all goes on from there."""

import os
import signal
from pathlib import Path

import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset
from api_schemas.evaluation import Report
from api_schemas.events import KEPT, EventType, JobEvent
from api_schemas.jobs import (
    EvaluateParams,
    EvaluateRequest,
    JobKind,
    JobState,
    TrainLabelerParams,
    TrainLabelerRequest,
)
from stack.running import Stack
from stack.state import load_state
from stack.supervisord import Supervisord

EPOCHS = 30


def kill_runner_of(job_id: str) -> None:
    """A runner works in the folder of its task, which bears the job's id."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, folder = (entry / "cmdline").read_bytes(), (entry / "cwd").readlink()
        except OSError:
            continue
        if b"workers.runner" in command and job_id in folder.parts:
            os.kill(int(entry.name), signal.SIGKILL)


def stop_worker_of(stack: Stack) -> None:
    """SIGTERM, as in a rolling update; the stack's supervisor starts another one."""
    marker = f"LADD_DATA_DIR={stack.environment['LADD_DATA_DIR']}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"workers" in arguments and marker in environment:
            os.kill(int(entry.name), signal.SIGTERM)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the worker in /proc")
def test_a_trial_whose_worker_is_stopped_goes_on_where_it_was(
    client: LaddClient, stack_up: Stack, distilled: Dataset
) -> None:
    params = EvaluateParams.model_validate(
        {
            "dataset": distilled.id,
            "arms": ["baseline"],
            "architectures": ["ConvNetD3"],
            "trials": 1,
            "overrides": {"epochs": 20},
        }
    )
    told: list[int] = []
    so_far: list[Report] = []

    def hear(event: JobEvent) -> None:
        if event.type is EventType.STATE and event.data["state"] == "queued" and told:
            told.append(-1)
        if event.type is EventType.PROGRESS and event.data["stage"] == "evaluate":
            if event.data["done"] > 0 and not any(told):
                stop_worker_of(stack_up)
            if -1 in told and not so_far:
                so_far.append(client.report(submitted, partial=True))
            told.append(event.data["done"])

    submitted = client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    job = client.wait(submitted.id, hear)
    assert job.state is JobState.SUCCEEDED, job.error
    # A trial that has ended meanwhile is all of them.
    [report] = so_far
    assert report.complete or [(row.ended, row.planned) for row in report.trials] == [(0, 1)]
    assert client.report(submitted, partial=True) == client.report(submitted)
    [trial] = [task for task in job.tasks if task.name.startswith("evaluate")]
    assert [attempt.outcome for attempt in trial.attempts] == ["released", "succeeded"]
    # What the second attempt tells first is what the first one had done.
    again = told[told.index(-1) + 1 :]
    assert max(again[:2]) >= max(told[: told.index(-1)]) > 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for the runner in /proc")
def test_a_training_whose_runner_is_killed_goes_on_after_its_last_epoch(client: LaddClient, source: Dataset) -> None:
    params = TrainLabelerParams(source_dataset=source.id, epochs=EPOCHS, batch_size=64, seed=11)
    submitted = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    told: list[int] = []

    def hear(event: JobEvent) -> None:
        if event.type is EventType.METRIC:
            told.append(event.data["values"]["epoch"])
            if told == [1, 2]:
                kill_runner_of(submitted.id)

    job = client.wait(submitted.id, hear)
    assert job.state is JobState.SUCCEEDED, job.error
    assert [attempt.outcome for attempt in job.tasks[0].attempts] == ["failed", "succeeded"]
    assert told.count(1) == 1
    assert told[-1] == EPOCHS
    assert job.result is not None
    assert job.result.labeler is not None
    assert [row.epoch for row in client.labeler(job.result.labeler).epochs] == list(range(1, EPOCHS + 1))


def test_who_follows_a_job_misses_and_repeats_nothing_when_the_api_is_killed(
    stack_up: Stack, client: LaddClient, source: Dataset
) -> None:
    params = TrainLabelerParams(source_dataset=source.id, epochs=EPOCHS, batch_size=64, seed=12)
    submitted = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    told: list[JobEvent] = []

    def hear(event: JobEvent) -> None:
        told.append(event)
        if event.type is EventType.METRIC and event.data["values"]["epoch"] == 1:
            state = load_state(stack_up.directory)
            assert state is not None
            os.kill(Supervisord(stack_up.directory, state).states()["api"][1], signal.SIGKILL)

    assert client.wait(submitted.id, hear).state is JobState.SUCCEEDED
    kept = [event for event in told if event.type is not EventType.PROGRESS]
    assert kept == list(client.events(submitted.id, types=KEPT))
