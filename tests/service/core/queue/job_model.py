"""The rules of a job and its tasks without Redis, so that the scripts in `service/core/scripts` can be held to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api_schemas.jobs import JobState
from service.core.queue.store import Happened


@dataclass
class TaskModel:
    """One task; its lease is there as long as it runs, and may have run out."""

    after: Sequence[str]
    state: JobState = JobState.QUEUED
    attempt: int = 0
    failures: int = 0
    overdue: bool = False
    queue: str = "cpu"

    @property
    def is_running(self) -> bool:
        """Whether an attempt holds the lease."""
        return self.state in (JobState.RUNNING, JobState.CANCELING)


class JobModel:
    """A job of tasks given as {name: names of those before it}. Methods answer as those of `JobStore` do."""

    def __init__(self, after: Mapping[str, Sequence[str]], max_attempts: int) -> None:
        self.state = JobState.QUEUED
        self.tasks = {name: TaskModel(names) for name, names in after.items()}
        self._max_attempts = max_attempts

    def ready(self) -> set[str]:
        """The tasks that may be claimed."""
        return {
            name
            for name, task in self.tasks.items()
            if task.state is JobState.QUEUED
            and all(self.tasks[before].state is JobState.SUCCEEDED for before in task.after)
        }

    def claim(self, name: str) -> int | None:
        """Take a task; returns the number of the attempt, None where there is nothing to take."""
        if name not in self.ready():
            return None
        task = self.tasks[name]
        task.state, task.attempt, task.overdue = JobState.RUNNING, task.attempt + 1, False
        self.state = JobState.RUNNING
        return task.attempt

    def holds(self, name: str, attempt: int) -> bool:
        """Whether what this attempt writes counts; also when its lease is overdue, until somebody takes it back."""
        return self.tasks[name].is_running and self.tasks[name].attempt == attempt

    def renew(self, name: str, attempt: int) -> str:
        """Extend the lease."""
        if not self.holds(name, attempt):
            return "lost"
        self.tasks[name].overdue = False
        return self.tasks[name].state.value

    def run_out(self, name: str) -> None:
        """Let the time pass until the lease of a running task is over."""
        self.tasks[name].overdue = True

    def finish(self, name: str, attempt: int, happened: Happened, text: str) -> tuple[str, set[str]]:
        """End an attempt; returns the state of the task or `refused`, and what may be claimed now because of it.

        `text` names the queue that a task has `moved` to.
        """
        task, before = self.tasks[name], self.ready()
        if not (task.is_running and task.overdue if happened == "lost" else self.holds(name, attempt)):
            return "refused", set()
        if task.state is JobState.CANCELING:
            task.state = JobState.CANCELED
            if self.state is JobState.CANCELING and not any(other.is_running for other in self.tasks.values()):
                self.state = JobState.CANCELED
        elif happened == "canceled":
            return "refused", set()
        elif happened in ("released", "moved"):
            task.state = JobState.QUEUED
            task.queue = text if happened == "moved" else task.queue
        elif happened == "succeeded":
            task.state = JobState.SUCCEEDED
            if all(other.state is JobState.SUCCEEDED for other in self.tasks.values()):
                self.state = JobState.SUCCEEDED
        else:
            task.failures += 1
            if happened != "failed" and task.failures < self._max_attempts:
                task.state = JobState.QUEUED
            else:
                task.state = self.state = JobState.FAILED
                self._stop()
        return task.state.value, self.ready() - before

    def cancel(self) -> JobState:
        """Stop the job; returns the state it was in."""
        before = self.state
        if before in (JobState.QUEUED, JobState.RUNNING):
            self._stop()
            running = any(task.is_running for task in self.tasks.values())
            self.state = JobState.CANCELING if running else JobState.CANCELED
        return before

    def _stop(self) -> None:
        for task in self.tasks.values():
            if task.state is JobState.QUEUED:
                task.state = JobState.CANCELED
            elif task.state is JobState.RUNNING:
                task.state = JobState.CANCELING
