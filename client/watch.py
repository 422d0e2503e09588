"""A job on a stage board: a bar for each running stage, a line for each finished one."""

from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import Job, JobState, Progress, Task
from client.api import LaddClient
from client.stages import Stage, StageBoard

_TITLES = {"ingest": "validate", "train_labeler": "train labeler", "generate_labels": "dense labels"}
_RUNNING = frozenset({JobState.RUNNING, JobState.CANCELING})
_BAD_ENDS = (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)


def watch(client: LaddClient, job_id: str, board: StageBoard) -> Job:
    """Show a job until it has ended and return it."""
    shown = _ShownJob(board)
    shown.sync(client.job(job_id))

    def show(event: JobEvent) -> None:
        if event.type is EventType.STATE:
            shown.sync(client.job(job_id))
        else:
            shown.show(event)

    job = client.wait(job_id, show)
    shown.sync(job)
    return job


class _ShownJob:
    def __init__(self, board: StageBoard) -> None:
        self._board = board
        self._stages: dict[str, Stage] = {}
        self._over: set[str] = set()
        self._tasks: dict[str, Task] = {}
        self._progress: dict[str, Progress] = {}
        self._planned: dict[str, int] = {}
        """Work of a stage's tasks that have not begun."""

    def sync(self, job: Job) -> None:
        """Start and stop stages so that the board agrees with `job`."""
        self._tasks = {task.name: task for task in job.tasks}
        for stage in dict.fromkeys(task.stage for task in job.tasks):
            tasks = self._tasks_of(stage)
            states = {task.state for task in tasks}
            begun = any(task.attempts for task in tasks)
            if stage in self._over or not begun:
                continue
            if all(task.attempts for task in tasks):
                self._planned[stage] = 0
            elif job.progress is not None and job.progress.stage == stage:
                known = sum(task.progress.total for task in tasks if task.progress is not None)
                self._planned[stage] = max(0, job.progress.total - known)
            if stage not in self._stages:
                self._stages[stage] = self._board.start(_TITLES.get(stage, stage))
            self._redraw(stage)
            if states == {JobState.SUCCEEDED}:
                self._stop(stage, "done")
            elif not states & _RUNNING and states & set(_BAD_ENDS):
                self._stop(stage, next(str(state) for state in _BAD_ENDS if state in states))

    def show(self, event: JobEvent) -> None:
        """Show what a running task says."""
        task = self._tasks.get(event.task or "")
        if event.type is EventType.LOG and event.data.get("level") == "warning":
            self._board.console.print(f"  {event.data['message']}", markup=False, highlight=False, soft_wrap=True)
        if task is None or task.stage not in self._stages:
            return
        if event.type is EventType.PROGRESS:
            self._progress[task.name] = Progress.model_validate(event.data)
            self._redraw(task.stage)
        elif event.type in (EventType.METRIC, EventType.ROW):
            self._stages[task.stage].note = _note(event)

    def _tasks_of(self, stage: str) -> list[Task]:
        return [task for task in self._tasks.values() if task.stage == stage]

    def _redraw(self, stage: str) -> None:
        """Sum over the stage's tasks; one that has not begun counts with its planned work."""
        done, total = 0, self._planned.get(stage, 0)
        rate = 0.0
        unit = ""
        for task in self._tasks_of(stage):
            progress = self._progress.get(task.name) or task.progress
            if progress is None:
                continue
            unit = progress.unit
            total += progress.total
            done += progress.total if task.state is JobState.SUCCEEDED else progress.done
            rate += progress.rate or 0.0 if task.state in _RUNNING else 0.0
        self._stages[stage].update(done, total, unit, rate or None, (total - done) / rate if rate else None)

    def _stop(self, stage: str, outcome: str) -> None:
        attempts = [attempt for task in self._tasks_of(stage) for attempt in task.attempts]
        ends = [attempt.finished_at for attempt in attempts if attempt.finished_at is not None]
        began = min(attempt.started_at for attempt in attempts)
        self._stages.pop(stage).stop(outcome, (max(ends) - began).total_seconds() if ends else None)
        self._over.add(stage)


def _note(event: JobEvent) -> str:
    """The newest number worth a glance: an epoch of the labeler, or a finished trial."""
    values = event.data.get("values", event.data)
    if "val_accuracy" in values:
        return f"epoch {values['epoch']}: {values['val_accuracy']:.1f} % on val"
    if "accuracy" in values:
        return f"{values['arm']} {values['architecture']}: {values['accuracy']:.1f} %"
    return ""
