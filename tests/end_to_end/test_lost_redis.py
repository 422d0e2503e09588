"""Redis is wiped under the running stack: the index is rebuilt, what was finished is there, what was not goes on."""

import os
import subprocess
import sys
from contextlib import closing
from typing import Any

import redis

from api_schemas.datasets import Dataset
from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import TERMINAL_STATES, JobKind, JobState, TrainLabelerParams, TrainLabelerRequest
from client.api import LaddClient
from stack.running import Stack


def seen(client: LaddClient, unfinished: str) -> dict[str, Any]:
    """Everything that the API shows, save one job and what it makes."""
    return {
        "jobs": [client.job(job.id) for job in client.jobs() if job.id != unfinished],
        "datasets": list(client.datasets()),
        "labelers": [labeler for labeler in client.labelers() if labeler.job != unfinished],
    }


def test_redis_is_wiped_in_the_middle_of_a_training(
    stack_up: Stack, client: LaddClient, source: Dataset, distilled: Dataset
) -> None:
    params = TrainLabelerParams(source_dataset=source.id, epochs=30, batch_size=64, seed=12)
    job = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    before: list[dict[str, Any]] = []

    class WipedError(Exception):
        pass

    def wipe(event: JobEvent) -> None:
        if event.type is EventType.METRIC:
            before.append(seen(client, job.id))
            with closing(redis.Redis.from_url(stack_up.environment["LADD_REDIS_URL"])) as wiped:
                wiped.flushall()
            raise WipedError

    try:
        client.wait(job.id, wipe)
    except WipedError:
        pass
    rebuilt = subprocess.run(
        [sys.executable, "-m", "service.rebuild_index"],
        env=os.environ | stack_up.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "queued 1 unfinished jobs again" in rebuilt.stdout
    assert seen(client, job.id) == before[0]
    done = client.wait(job.id)
    assert (done.id, done.state) == (job.id, JobState.SUCCEEDED)
    assert done.tasks[0].attempts[0].number > 1000
    assert all(entry.state in TERMINAL_STATES for entry in client.jobs())
    # Redis, once more: the new front and worker find their queues.
    assert client.readiness().ready
