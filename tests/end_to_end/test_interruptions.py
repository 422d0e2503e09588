"""What computes is killed in the middle of a job: the next attempt goes on where the last one was."""

import os
import signal
from pathlib import Path

import pytest

from api_schemas.datasets import Dataset
from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import JobKind, JobState, TrainLabelerParams, TrainLabelerRequest
from client.api import LaddClient

EPOCHS = 30


def kill_runner_of(job_id: str) -> None:
    """The folder of a runner, which bears the job's id, is among its arguments."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"workers.runner" in command and job_id.encode() in command:
            os.kill(int(entry.name), signal.SIGKILL)


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
