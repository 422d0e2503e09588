"""What a job kind plans: resolved parameters and a graph of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from api_schemas.runner import TaskType


@dataclass(frozen=True)
class Ref:
    """Where an input of a task comes from, looked up when the task is claimed.

    `uploads`: the files streamed for a dataset; `dataset`, `labeler`: files of a catalogue entry; `task`: the result
    of a task of the same job. `files` names the files that are wanted; None: all, empty: the JSON document alone.
    """

    kind: Literal["uploads", "dataset", "labeler", "task"]
    id: str
    files: Sequence[str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return asdict(self)


@dataclass(frozen=True)
class TaskPlan:
    """One task; it becomes ready when all of `after` have succeeded."""

    name: str
    type: TaskType
    queue: Literal["cpu", "gpu"]
    params: Mapping[str, Any]
    inputs: Mapping[str, Ref]
    work: int
    unit: str
    after: Sequence[str] = ()
    makes: str | None = None
    """Id of the dataset or labeler that the task makes."""

    @property
    def stage(self) -> str:
        """The part of the name before the first colon: what progress is summed over."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class Plan:
    """A job before it is recorded."""

    params: Mapping[str, Any]
    """The request's parameters with every default resolved."""
    tasks: Sequence[TaskPlan]
    reads: Sequence[str] = field(default=())
    """Ids of the datasets that must be there until the job is finished."""
