"""Jobs and tasks as Redis holds them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from api_schemas.cost import CostName
from api_schemas.job_parts import Attempt, Creator
from api_schemas.jobs import JobKind, JobResult, JobState
from api_schemas.problems import TaskError
from api_schemas.runner import ProgressEvent, TaskType
from service.core.foundation.listing import Entry, facets_of
from service.core.foundation.tenants import DEFAULT
from service.core.queue.plan import Ref, TaskCost

PLANNED = ("stage", "type", "queue", "params", "inputs", "after", "work", "unit", "makes", "cost", "protocol")
"""Fields of a task that its attempts do not change, but for the queue, which one may; earlier ones lack the last."""

Value = TypeVar("Value")


class _Read(Generic[Value]):
    """An attribute that is read off the hash's field of its name: how, and the text to read where that is `absent`."""

    def __init__(self, read: Callable[[str], Value], absent: str | None = None) -> None:
        self._read, self._absent = read, absent

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: "_Record", owner: type) -> Value:
        fields, name = record.fields, self._name
        return self._read(fields[name] if self._absent is None else fields.get(name, self._absent))


def _or_none(text: str) -> str | None:
    return text or None


def _refs(text: str) -> dict[str, Ref]:
    return {name: Ref(**ref) for name, ref in json.loads(text).items()}


def _cost(text: str) -> TaskCost | None:
    cost = json.loads(text)
    return None if cost is None else TaskCost(**cost | {"part": CostName(cost["part"])})


def _progress(text: str) -> ProgressEvent | None:
    said = json.loads(text)
    return None if said is None else ProgressEvent.model_validate({"event": "progress"} | said)


def _summary(text: str) -> JobResult | None:
    return JobResult.model_validate_json(text) if text else None


class _Record:
    """The part that tasks and jobs have in common."""

    fields: Mapping[str, str]

    state = _Read(JobState)
    """Where it stands."""
    params = _Read[dict[str, Any]](json.loads)
    """A task's for the runner; a job's with every default resolved."""
    result = _Read(_or_none, absent="")
    """Key of the JSON result, once it has succeeded."""


@dataclass(frozen=True)
class TaskRecord(_Record):
    """One task of a job; `fields` is the whole hash, as a retried job copies it."""

    name: str
    fields: Mapping[str, str]

    stage = _Read(str)
    """The part of the name before the first colon."""
    type = _Read(TaskType)
    """The kind of work that the runner is asked for."""
    queue = _Read(str)
    """`cpu`, `gpu` or `io`; an attempt may have moved it."""
    inputs = _Read(_refs)
    """Where each input comes from."""
    after = _Read[list[str]](json.loads)
    """Names of the tasks that must have succeeded before this one may start."""
    work = _Read(int)
    """Planned amount of work, in `unit`."""
    unit = _Read(str)
    """The unit that work is counted in."""
    makes = _Read(_or_none)
    """Id of the dataset or labeler that the task makes."""
    cost = _Read(_cost, absent="null")
    """The predicted cost."""
    counted_flops = _Read(int, absent="0")
    """FLOPs of the attempt that succeeded."""
    counted_bytes = _Read(int, absent="0")
    """Bytes that it left in the object storage."""
    files = _Read[dict[str, str]](json.loads, absent="{}")
    """{file name: SHA-256} of what its job keeps of it."""
    reused_from = _Read(_or_none, absent="")
    """Id of the job whose result it took."""
    checkpoint = _Read[dict[str, str]](json.loads, absent="{}")
    """{file name: SHA-256} kept by the attempts so far."""
    progress = _Read(_progress, absent="null")
    """The last progress of the current attempt."""

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Every claim that is known, oldest first."""
        # Not all from 1 on: those before a loss of Redis may be forgotten.
        numbers = sorted(int(name.partition(":")[2]) for name in self.fields if name.startswith("worker:"))
        return [self._attempt(number) for number in numbers]

    def held_seconds(self, attempt: Attempt) -> float:
        """Return for how long an attempt that has ended held a device, 0 for one that has not.

        One that succeeded on a GPU beside others held its part of it.
        """
        if attempt.finished_at is None:
            return 0.0
        whole = (attempt.finished_at - attempt.started_at).total_seconds()
        return float(self.fields.get(f"held:{attempt.number}", whole))

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

    tenant = _Read(str, absent=DEFAULT)
    """The owner."""
    kind = _Read(JobKind)
    """The kind of job."""
    tags = _Read[dict[str, str]](json.loads)
    """The caller's own labels."""
    notes = _Read[list[str]](json.loads, absent="[]")
    """Defaults that were left out, and in what the job is not the preset that its tag names."""
    datasets = _Read[list[str]](json.loads)
    """Ids of the datasets that may not be deleted before the job is finished."""
    error = _Read[TaskError | None](TypeAdapter(TaskError | None).validate_json, absent="null")
    """Why the job failed."""
    awaits = _Read[list[str]](json.loads, absent="[]")
    """Ids of the datasets that have to be ready before it can be planned; empty: it has been."""
    request = _Read[dict[str, Any] | None](json.loads, absent="null")
    """What was sent for a job that is not planned yet."""
    retried_as = _Read(_or_none, absent="")
    """Id of the job that replaced this one."""
    priority = _Read(int, absent="0")
    """Among its tenant's jobs."""
    deadline = _Read(_or_none, absent="")
    """The time by which it has to begin, in milliseconds since 1970."""
    created_by = _Read[Creator | None](TypeAdapter(Creator | None).validate_json, absent="null")
    """The key that it was made with."""
    summary = _Read[JobResult | None](_summary, absent="")
    """The result without what may be long; None also for a job that ended before this was noted."""

    @property
    def name(self) -> str:
        """What it is called; a job from before there were names is called by its kind."""
        return self.fields.get("name") or self.fields["kind"]

    @property
    def entry(self) -> Entry:
        """The job as lists have it."""
        facets = facets_of({"kind": self.fields["kind"]}, self.tags, self.name)
        return Entry(self.id, int(self.fields["created"]) / 1000, self.fields["state"], facets)

    def task(self, name: str) -> TaskRecord | None:
        """Return the task of this name."""
        return next((task for task in self.tasks if task.name == name), None)


def timestamp(milliseconds: str | None) -> datetime | None:
    """Convert milliseconds since 1970 to UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
