"""A job on the stage board."""

import io
import re
import threading
import time
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.stages import StageBoard
from ladd_client.watch import watch
from rich.console import Console

from api_schemas.datasets import DatasetRole
from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import LogEvent, ProgressEvent
from service.core.lifecycle import tasks
from service.http.routes import events

BROKEN = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message="it broke", reasons=[])


class Watching:
    """A job watched in a thread, as on a file or as on a terminal."""

    def __init__(self, client: LaddClient, job: Job, terminal: bool = False) -> None:
        self.output = io.StringIO()
        self.jobs: list[Job] = []
        console = Console(file=self.output, width=150, force_terminal=terminal)

        def run() -> None:
            with StageBoard(console) as board:
                self.jobs.append(watch(client, job.id, board))

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def until(self, text: str, times: int = 1) -> None:
        """Wait for a text to be shown so many times."""
        deadline = time.monotonic() + 30
        while self.output.getvalue().count(text) < times:
            assert time.monotonic() < deadline, self.output.getvalue()
            time.sleep(0.02)

    def end(self) -> tuple[Job, list[str]]:
        self.thread.join(30)
        [job] = self.jobs
        return job, [re.sub(r" +", " ", line).strip() for line in self.output.getvalue().splitlines()]


def test_a_job_that_waits_for_its_set_is_shown_from_its_plan_on(client: LaddClient, worker: Any) -> None:
    source = worker.upload(DatasetRole.SOURCE)
    job = client.submit({"kind": "train_labeler", "params": {"source_dataset": source.id}})
    watching = Watching(client, job)
    watching.until(f"waiting: {source.id} is validated still")
    worker.ingest(source)
    worker.train_labeler(job.id)
    done, lines = watching.end()
    assert done.state is JobState.SUCCEEDED
    assert any(line.startswith("train labeler") for line in lines)


def test_each_finished_stage_leaves_a_line_in_order(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    watching = Watching(client, job)
    worker.run_ladd(job)
    done, lines = watching.end()
    assert done.state is JobState.SUCCEEDED
    assert [re.split(r" [━#]", line)[0] for line in lines] == [
        "train labeler",
        "dense labels",
        "evaluate:baseline:ConvNetD3:0: 61.50 % in 1.0 s",
        "evaluate:ladd:ConvNetD3:0: 61.50 % in 1.0 s",
        "evaluate",
        "report",
    ]
    assert lines[0].endswith("20 images epoch 10: 70.2 % on val")
    assert lines[4].endswith("4,000 images ladd ConvNetD3: 61.5 %")


def test_a_job_that_has_ended_is_shown_with_the_time_it_took(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    worker.run_ladd(job)
    _, lines = Watching(client, job).end()
    assert len(lines) == 6
    changes = {
        (event.task, event.data["state"]): event.time for event in client.events(job.id) if event.type == "state"
    }
    evaluated = changes["evaluate:ladd:ConvNetD3:0", "succeeded"] - changes["evaluate:baseline:ConvNetD3:0", "running"]
    assert f" {evaluated.total_seconds():.1f} s " in lines[4]


def test_a_retried_job_shows_only_what_is_done_again(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    worker.train_labeler(job.id)
    worker.write_labels(job.id)
    rows = [worker.evaluate(job, "baseline")]
    worker.fail(worker.claim(job.id, "evaluate:ladd:ConvNetD3:0"), BROKEN)
    again = client.retry(job.id)
    watching = Watching(client, again)
    rows.append(worker.evaluate(again, "ladd"))
    worker.report(again, rows)
    _, lines = watching.end()
    assert [line.split()[0] for line in lines] == ["evaluate:ladd:ConvNetD3:0:", "evaluate", "report"]


def test_the_bar_counts_planned_work_of_tasks_that_have_not_begun(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    worker.train_labeler(job.id)
    worker.write_labels(job.id)
    watching = Watching(client, job, terminal=True)
    claimed = worker.claim(job.id, "evaluate:baseline:ConvNetD3:0")
    # 2 images, 1,000 epochs, one trial, 2 test images: the other arm is planned with 26 forwards per image.
    half = ProgressEvent(
        event="progress", stage="evaluate", done=1000, total=2002, unit="images", rate=500.0, eta_seconds=2.0
    )
    while "1,000/54,004 images, 500 images/s, 1 min 46 s left" not in watching.output.getvalue():
        assert watching.thread.is_alive()
        worker.say(claimed, half)
        threading.Event().wait(0.1)
    client.cancel(job.id)
    assert tasks.canceled(worker.core, claimed)
    done, _ = watching.end()
    assert done.state is JobState.CANCELED


def test_a_failed_stage_says_so_and_warnings_are_printed(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    watching = Watching(client, job)
    claimed = worker.claim(job.id, "train_labeler")
    worker.say(claimed, LogEvent(event="log", level="info", message="not shown"))
    worker.say(claimed, LogEvent(event="log", level="warning", message="the loss is [nan]"))
    worker.fail(claimed, BROKEN)
    done, lines = watching.end()
    assert done.state is JobState.FAILED
    assert lines[0] == "the loss is [nan]"
    assert re.fullmatch(r"train labeler [─.]+ \d+\.\d s failed", lines[1])
    assert len(lines) == 2


@pytest.mark.parametrize("terminal", [False, True])
def test_a_job_canceled_before_it_began_shows_nothing(client: LaddClient, worker: Any, terminal: bool) -> None:
    job = worker.start_ladd()
    client.cancel(job.id)
    done, lines = Watching(client, job, terminal).end()
    assert done.state is JobState.CANCELED
    assert "train labeler" not in " ".join(lines)


def test_a_job_that_nobody_takes_is_told_at_once_and_when_workers_go(
    client: LaddClient, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEPALIVE_SECONDS", 0.1)
    job = worker.start_ladd()
    worker.beat(cpu=1, io=1)
    watching = Watching(client, job)
    nobody = "waiting: no worker takes queue gpu: start one (LADD_WORKER_QUEUES)"
    watching.until(nobody)
    worker.beat()
    # The message comes again when it is true again, and each time once.
    time.sleep(1)
    worker.beat(cpu=1, io=1)
    watching.until(nobody, times=2)
    client.cancel(job.id)
    _, lines = watching.end()
    assert lines == [nobody] * 2
