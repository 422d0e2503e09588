"""The plan of a job: resolved parameters and a graph of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api_schemas.cost import CostName
from api_schemas.runner import TaskType
from service.core.foundation.settings import Queue


@dataclass(frozen=True)
class Ref:
    """Where an input of a task comes from, looked up when the task is claimed.

    `uploads`: raw files, of which `files` has the keys in the object storage; `dataset`, `labeler`: files of a
    catalogue entry, of which `files` names the wanted ones; None: all, empty: the JSON document alone. `after`: no
    files, but the results of all tasks that had to succeed before this one, each under that task's name; it has no id.
    `report`: no files, but the report of the job of this id.
    """

    kind: Literal["uploads", "dataset", "labeler", "after", "report"]
    id: str = ""
    files: Sequence[str] | None = None


@dataclass(frozen=True)
class TaskCost:
    """A task's share of a part of its job's cost, and all that its speed depends on besides the device."""

    part: CostName
    architecture: str
    precision: str
    flops: int
    bytes: int = 0
    """Left by it in the object storage."""
    seconds: float | None = None
    """For which it holds a device; None until that was measured of such tasks."""
    seconds_range: tuple[float, float] | None = None
    """The least and the most of them; None in a plan."""


@dataclass(frozen=True)
class TaskPlan:
    """One task; it becomes ready when all of `after` have succeeded."""

    name: str
    type: TaskType
    queue: Queue
    params: Mapping[str, Any]
    inputs: Mapping[str, Ref]
    work: int
    unit: str
    after: Sequence[str] = ()
    makes: str | None = None
    """Id of the dataset or labeler that the task makes."""
    cost: TaskCost | None = None
    """None for a task that costs next to nothing."""

    @property
    def stage(self) -> str:
        """The part of the name before the first colon; progress is summed over it."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class Plan:
    """A job before it is recorded."""

    params: Mapping[str, Any]
    """The request's parameters with every default resolved."""
    tasks: Sequence[TaskPlan]
    reads: Sequence[str] = ()
    """Ids of the datasets that must be there until the job is finished."""
    notes: Sequence[str] = ()
    """Defaults that were left out, and in what the job is not the preset that its tag names."""
