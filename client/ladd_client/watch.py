"""A job on a stage board: a bar for each running stage, a line for each finished one and for each finished trial."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from api_schemas.events import EventType, JobEvent
from api_schemas.job_parts import Progress
from api_schemas.jobs import JobState, Task
from api_schemas.report_tables import clock
from ladd_client.handles import Job
from ladd_client.stages import Stage, StageBoard

if TYPE_CHECKING:
    from ladd_client.job_calls import JobCalls

_TITLES = {
    "ingest": "validate",
    "train_labeler": "train labeler",
    "random_set": "random images",
    "generate_labels": "dense labels",
}


def watch(client: JobCalls, job_id: str, board: StageBoard, on_event: Callable[[JobEvent], None] | None = None) -> Job:
    """Show a job from its first event to its end and return it, whatever its terminal state."""
    shown = ShownJob(client, client.job(job_id), board)
    for event in client.events(job_id, on_silence=shown.look):
        shown.show(event)
        if on_event is not None:
            on_event(event)
    return client.job(job_id)


class ShownJob:
    """A job on a board, which its events keep up to date."""

    def __init__(self, client: JobCalls, job: Job, board: StageBoard) -> None:
        self._client = client
        self._job_id = job.id
        self._board = board
        self._learn(job)
        self._running: set[str] = set()
        self._stages: dict[str, _ShownStage] = {}
        self._waiting: str | None = None
        self._tell(job)

    def _learn(self, job: Job) -> None:
        """Take in the tasks of the job, which has none as long as it awaits a dataset."""
        self._stage_of = {task.name: task.stage for task in job.tasks}
        # Tasks that a retried job keeps from its predecessor have no events here.
        self._ahead = {task.name for task in job.tasks if not _kept(task, job)}

    def look(self) -> None:
        """Say why nothing happens, where the service knows."""
        self._tell(self._client.job(self._job_id))

    def _tell(self, job: Job) -> None:
        if job.waiting not in (None, self._waiting):
            self._board.line(f"waiting: {job.waiting}")
        self._waiting = job.waiting

    def show(self, event: JobEvent) -> None:
        """Bring the board up to date with the next event."""
        if event.task is not None and not self._stage_of:
            self._learn(self._client.job(self._job_id))
        if event.ends_job:
            state = event.data["state"]
            for name in list(self._stages):
                self._close(name, event.time, "done" if state == JobState.SUCCEEDED else state)
        elif event.task in self._stage_of:
            self._show_task(event.task, event)

    def _show_task(self, task: str, event: JobEvent) -> None:
        name = self._stage_of[task]
        if event.type is EventType.STATE:
            state = JobState(event.data["state"])
            self._running.discard(task)
            if state is JobState.RUNNING:
                self._running.add(task)
                self._open(name, event.time)
            elif state is JobState.SUCCEEDED:
                self._ahead.discard(task)
                if not any(self._stage_of[other] == name for other in self._ahead):
                    self._close(name, event.time, "done")
        elif event.type is EventType.PROGRESS:
            self._open(name, event.time)
            self._stages[name].reported[task] = Progress.model_validate(event.data)
            self._stages[name].redraw(self._running)
        elif event.type in (EventType.METRIC, EventType.ROW):
            if name in self._stages:
                self._stages[name].bar.note = _note(event)
            if event.type is EventType.ROW:
                self._board.line(f"{task}: {_trial(event)}")
        elif event.type is EventType.LOG and event.data["level"] == "warning":
            self._board.line(event.data["message"])

    def _open(self, name: str, began: datetime) -> None:
        if name in self._stages:
            return
        progress = self._client.job(self._job_id).progress
        planned = progress if progress is not None and progress.stage == name else None
        tasks = {task for task, stage in self._stage_of.items() if stage == name}
        self._stages[name] = _ShownStage(Stage(self._board, _TITLES.get(name, name)), tasks, planned, began)

    def _close(self, name: str, ended: datetime, outcome: str) -> None:
        stage = self._stages.pop(name, None)
        if stage is not None:
            stage.redraw(self._running)
            stage.bar.stop(outcome, (ended - stage.began).total_seconds())


class _ShownStage:
    """One bar for all tasks of a stage. `planned` is the whole stage, from before they had begun."""

    def __init__(self, bar: Stage, tasks: set[str], planned: Progress | None, began: datetime) -> None:
        self.bar = bar
        self.began = began
        self.reported: dict[str, Progress] = {}
        self._tasks = tasks
        self._planned = planned

    def redraw(self, running: set[str]) -> None:
        """Sum what the tasks have reported; while some have not, the plan says how much there is in all."""
        total = sum(progress.total for progress in self.reported.values())
        if self._planned is not None and self._tasks - set(self.reported):
            total = max(total, self._planned.total)
        if not total:
            return
        done = sum(progress.done for progress in self.reported.values())
        rate = sum(progress.rate or 0.0 for task, progress in self.reported.items() if task in running)
        unit = next((progress.unit for progress in [*self.reported.values(), self._planned] if progress), "")
        self.bar.update(done, total, unit, rate or None, (total - done) / rate if rate else None)


def _kept(task: Task, job: Job) -> bool:
    ends = [attempt.finished_at for attempt in task.attempts if attempt.finished_at is not None]
    return task.state is JobState.SUCCEEDED and bool(ends) and max(ends) < job.created_at


def _note(event: JobEvent) -> str:
    """The newest number worth a glance: an epoch of the labeler, or a finished trial."""
    values = event.data["values"]
    if "val_accuracy" in values:
        return f"epoch {values['epoch']}: {values['val_accuracy']:.1f} % on val"
    if "accuracy" in values:
        return f"{values['arm']} {values['architecture']}: {values['accuracy']:.1f} %"
    return ""


def _trial(event: JobEvent) -> str:
    """A finished trial, before the rows of the evaluation are there."""
    values = event.data["values"]
    return f"{values['accuracy']:.2f} % in {clock(values['seconds'])}"
