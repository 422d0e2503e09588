"""The plan of a job that is only to be checked."""

from typing import Any

from api_schemas.base import Response
from api_schemas.cost import CostParts
from api_schemas.jobs import JobKind


class PlannedTask(Response):
    """A task that a job would have: `work` in `unit`, to be taken from `queue` once all of `after` have succeeded."""

    name: str
    queue: str
    after: list[str]
    work: int
    unit: str


class JobPlan(Response):
    """The answer to a job with `validate_only`: what it would do and cost. Nothing of it is stored."""

    told_apart_by = ("kind", "cost", "notes", "waiting")

    kind: JobKind
    params: dict[str, Any]
    """With every default resolved."""
    tags: dict[str, str]
    tasks: list[PlannedTask]
    cost: CostParts | None
    notes: list[str]
    waiting: str | None
    """As a job's, both."""
