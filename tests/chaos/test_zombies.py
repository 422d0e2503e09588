"""A worker falls silent for longer than its lease and comes back when another has done its task."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import Job, JobState
from stack.processes import PROJECT, WORKER
from stack.running import Stack
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults, wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the runners in /proc"),
]

ROUNDS = 3


@pytest.mark.parametrize("late", ["supervisor", "supervisor and runner"])
def test_a_late_report_changes_nothing(
    stack: Stack, client: LaddClient, faults: Faults, evaluations: Evaluations, calm: Job, tmp_path: Path, late: str
) -> None:
    for number in range(ROUNDS):
        job = evaluations.submit()
        wait_for(lambda: bool(faults.runners(job.id)))  # noqa: B023
        silenced = {faults.pid("worker")} | (faults.runners(job.id) if "runner" in late else set())
        for process in silenced:
            os.kill(process, signal.SIGSTOP)
        environment = {**os.environ, **stack.environment, "LADD_DATA_DIR": str(tmp_path / f"another {number}")}
        with (tmp_path / f"log {number}").open("wb") as log:
            other = subprocess.Popen(
                [sys.executable, *WORKER], cwd=PROJECT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            ended = client.wait(job.id)
            before = client.job(job.id)
            for process in silenced:
                os.kill(process, signal.SIGCONT)
            wait_for(lambda: not faults.runners())
        finally:
            other.terminate()
            other.wait()
        assert ended.state is JobState.SUCCEEDED, ended.error
        assert {task.name: [attempt.outcome for attempt in task.attempts] for task in ended.tasks} == {
            ended.tasks[0].name: ["lost", "succeeded"],
            "report": ["succeeded"],
        }
        assert client.job(job.id) == before
        assert evaluations.numbers(ended) == evaluations.numbers(calm)
        # The worker that was late goes on working.
        assert client.wait(evaluations.submit().id).state is JobState.SUCCEEDED
