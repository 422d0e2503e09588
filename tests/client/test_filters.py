"""Lists are filtered alike from Python and from the command line, and a job is told its name, priority and deadline."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.filters import query, several

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobState
from api_schemas.labelers import LabelerKind

Ladd = Callable[..., Any]


def test_filters_become_parameters_of_the_query() -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    asked = query({"tags": {"a": "b", "c": ""}, "name": "fashion", "created_after": moment})
    assert asked["tag"] == ["a:b", "c:"]
    assert datetime.fromisoformat(asked["created_after"]) == moment
    assert "created_before" not in asked
    # Without a zone it is this machine's time.
    naive = datetime(2026, 1, 2)
    assert datetime.fromisoformat(query({"created_before": naive})["created_before"]) == naive.astimezone()


@pytest.mark.parametrize(
    ("states", "listed"),
    [
        (None, []),
        (JobState.QUEUED, ["queued"]),
        ([JobState.QUEUED, JobState.RUNNING], ["queued", "running"]),
        ("queued", ["queued"]),
    ],
)
def test_states_are_one_or_several(states: Any, listed: list[str]) -> None:
    assert several(states) == listed


def test_lists_are_narrowed(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    _, source = worker.ready_pair()
    before = datetime.now(UTC)
    deadline = (before + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S%z")
    about = ["--name", "Night run", "--priority", "3", "--deadline", deadline]
    started = ladd("run", *about, "train-labeler", "--source-dataset", source, "--tag", "run=1", "--detach")
    assert started.exit_code == 0, started.stderr
    job = client.job(started.stdout.strip())
    assert (job.name, job.priority, job.deadline) == ("Night run", 3, datetime.fromisoformat(deadline))
    assert job.queue is not None
    assert job.queue.position == 1

    for found in (
        client.jobs(name="night"),
        client.jobs(state=[JobState.QUEUED, JobState.FAILED]),
        client.jobs(created_after=before, tags={"run": "1"}),
    ):
        assert [each.id for each in found] == [job.id]
    assert list(client.jobs(created_before=before, name="night")) == []
    assert len(list(client.datasets(state=[DatasetState.READY], created_before=before))) == 2
    assert list(client.datasets(name="nobody's")) == []
    worker.train_labeler(job.id)
    assert [labeler.job for labeler in client.labelers(LabelerKind.TRAINED, name="convnet")] == [job.id]
    assert list(client.labelers(LabelerKind.WEIGHTS)) == []

    listed = ladd("jobs", "--name", "NIGHT", "--state", "queued", "--state", "succeeded", "--json").stdout
    assert [json.loads(line)["id"] for line in listed.splitlines()] == [job.id]
    assert "Night run" in ladd("jobs", "--tag", "run=1").stdout
    assert ladd("datasets", "--created-after", "2100-01-01", "--json").stdout == ""
    assert ladd("labelers", "--kind", "trained", "--name", "convnet", "--json").stdout != ""
    assert ladd("jobs", "--created-after", "yesterday").exit_code == 2
