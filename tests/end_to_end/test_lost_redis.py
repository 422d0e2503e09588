"""Redis is wiped under the running stack: the index is rebuilt, what was finished is there, what was not goes on."""

import os
import subprocess
import sys
from contextlib import closing
from typing import Any

import redis
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset
from api_schemas.jobs import JobKind, JobState, TrainLabelerParams, TrainLabelerRequest
from stack.running import Stack


def seen(client: LaddClient) -> dict[str, Any]:
    """Everything that the API shows."""
    return {
        "jobs": [client.job(job.id) for job in client.jobs()],
        "datasets": list(client.datasets()),
        "labelers": list(client.labelers()),
    }


def test_redis_is_wiped_in_the_middle_of_a_training(
    stack_up: Stack, client: LaddClient, source: Dataset, distilled: Dataset
) -> None:
    before = seen(client)
    params = TrainLabelerParams(source_dataset=source.id, epochs=2, batch_size=128, seed=12)
    job = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    running = next(event for event in client.events(job.id) if event.data["state"] == JobState.RUNNING)
    assert running.task is None
    with closing(redis.Redis.from_url(stack_up.environment["LADD_REDIS_URL"])) as wiped:
        wiped.flushall()
    assert list(client.jobs()) == []
    rebuilt = subprocess.run(
        [sys.executable, "-m", "service.rebuild_index"],
        env=os.environ | stack_up.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "queued 1 unfinished jobs again" in rebuilt.stdout
    after = seen(client)
    assert after.pop("jobs")[1:] == before.pop("jobs")
    assert after == before
    done = client.wait(job.id)
    assert (done.id, done.state) == (job.id, JobState.SUCCEEDED)
    assert done.tasks[0].attempts[0].number > 1000
