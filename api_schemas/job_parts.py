"""Parts of a job as it is shown: progress, attempts, who made it, where it stands in the queue."""

from typing import Literal

from api_schemas.base import Response, Timestamp
from api_schemas.problems import TaskError


class Progress(Response):
    """Where a running job stands: `done` of `total` `unit` in `stage`, at `rate` per second."""

    stage: str
    done: int
    total: int
    unit: str
    rate: float | None
    eta_seconds: float | None


class Attempt(Response):
    """One claim of a task by a worker. `outcome` is null while it runs; `released` attempts are not counted."""

    number: int
    worker: str
    started_at: Timestamp
    finished_at: Timestamp | None
    outcome: Literal["succeeded", "failed", "canceled", "lost", "released"] | None
    error: TaskError | None


class Creator(Response):
    """The API key that something was made with."""

    id: str
    name: str


class QueuePlace(Response):
    """Where a job that has not begun stands in its queue, as tenants take turns; what comes later may change it."""

    position: int
    """1: its first task is the next that a worker takes."""
    expected_start: Timestamp | None
    """By the speed that workers have shown; null where that is unknown, or none takes from the queue."""
