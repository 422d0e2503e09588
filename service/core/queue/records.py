"""Jobs and tasks as Redis holds them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_schemas.cost import CostName
from api_schemas.jobs import Attempt, JobKind, JobState
from api_schemas.problems import TaskError
from api_schemas.runner import ProgressEvent, TaskType
from service.core.foundation.tenants import DEFAULT
from service.core.queue.plan import Ref, TaskCost

PLANNED = ("stage", "type", "queue", "params", "inputs", "after", "work", "unit", "makes", "cost")
"""Fields of a task that its attempts do not change."""


class _Record:
    """The part that tasks and jobs have in common."""

    fields: Mapping[str, str]

    @property
    def state(self) -> JobState:
        """Where it stands."""
        return JobState(self.fields["state"])

    @property
    def params(self) -> dict[str, Any]:
        """A task's for the runner; a job's with every default resolved."""
        params: dict[str, Any] = json.loads(self.fields["params"])
        return params

    @property
    def result(self) -> str | None:
        """Key of the JSON result, once it has succeeded."""
        return self.fields.get("result")


@dataclass(frozen=True)
class TaskRecord(_Record):
    """One task of a job; `fields` is the whole hash, as a retried job copies it."""

    name: str
    fields: Mapping[str, str]

    @property
    def stage(self) -> str:
        """The part of the name before the first colon."""
        return self.fields["stage"]

    @property
    def type(self) -> TaskType:
        """The kind of work that the runner is asked for."""
        return TaskType(self.fields["type"])

    @property
    def queue(self) -> str:
        """`cpu` or `gpu`."""
        return self.fields["queue"]

    @property
    def inputs(self) -> dict[str, Ref]:
        """Where each input comes from."""
        return {name: Ref(**ref) for name, ref in json.loads(self.fields["inputs"]).items()}

    @property
    def after(self) -> list[str]:
        """Names of the tasks that must have succeeded before this one may start."""
        after: list[str] = json.loads(self.fields["after"])
        return after

    @property
    def work(self) -> int:
        """Planned amount of work, in `unit`."""
        return int(self.fields["work"])

    @property
    def unit(self) -> str:
        """The unit that work is counted in."""
        return self.fields["unit"]

    @property
    def makes(self) -> str | None:
        """Id of the dataset or labeler that the task makes."""
        return self.fields["makes"] or None

    @property
    def cost(self) -> TaskCost | None:
        """The predicted cost."""
        cost = json.loads(self.fields.get("cost", "null"))
        return None if cost is None else TaskCost(**cost | {"part": CostName(cost["part"])})

    @property
    def counted_flops(self) -> int:
        """FLOPs of the attempt that succeeded."""
        return int(self.fields.get("counted_flops", "0"))

    @property
    def counted_bytes(self) -> int:
        """Bytes that it left in the object storage."""
        return int(self.fields.get("counted_bytes", "0"))

    @property
    def checkpoint(self) -> dict[str, str]:
        """{file name: SHA-256} kept by the attempts so far."""
        checkpoint: dict[str, str] = json.loads(self.fields.get("checkpoint", "{}"))
        return checkpoint

    @property
    def progress(self) -> ProgressEvent | None:
        """The last progress of the current attempt."""
        text = self.fields.get("progress")
        return None if text is None else ProgressEvent.model_validate({"event": "progress"} | json.loads(text))

    @property
    def attempts(self) -> list[Attempt]:
        """Every claim that is known, oldest first."""
        # Not all from 1 on: those before a loss of Redis may be forgotten.
        numbers = sorted(int(name.partition(":")[2]) for name in self.fields if name.startswith("worker:"))
        return [self._attempt(number) for number in numbers]

    def _attempt(self, number: int) -> Attempt:
        error = self.fields.get(f"error:{number}")
        return Attempt.model_validate(
            {
                "number": number,
                "worker": self.fields[f"worker:{number}"],
                "started_at": timestamp(self.fields[f"start:{number}"]),
                "finished_at": timestamp(self.fields.get(f"end:{number}")),
                "outcome": self.fields.get(f"outcome:{number}"),
                "error": error and TaskError.model_validate_json(error),
            }
        )


@dataclass(frozen=True)
class JobRecord(_Record):
    """One job with its tasks in the order they were planned, or with those that were asked for."""

    id: str
    fields: Mapping[str, str]
    tasks: list[TaskRecord]

    @property
    def tenant(self) -> str:
        """The owner."""
        return self.fields.get("tenant", DEFAULT)

    @property
    def kind(self) -> JobKind:
        """The kind of job."""
        return JobKind(self.fields["kind"])

    @property
    def tags(self) -> dict[str, str]:
        """The caller's own labels."""
        tags: dict[str, str] = json.loads(self.fields["tags"])
        return tags

    @property
    def datasets(self) -> list[str]:
        """Ids of the datasets that may not be deleted before the job is finished."""
        datasets: list[str] = json.loads(self.fields["datasets"])
        return datasets

    @property
    def error(self) -> TaskError | None:
        """Why the job failed."""
        text = self.fields.get("error")
        return None if text is None else TaskError.model_validate_json(text)

    @property
    def retried_as(self) -> str | None:
        """Id of the job that replaced this one."""
        return self.fields.get("retried_as")

    def task(self, name: str) -> TaskRecord | None:
        """Return the task of this name."""
        return next((task for task in self.tasks if task.name == name), None)


def timestamp(milliseconds: str | None) -> datetime | None:
    """Convert milliseconds since 1970 to UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
