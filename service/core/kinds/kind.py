"""A job kind and a type of task: everything the service has to know of one, in one place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api_schemas.cost import CostName
from api_schemas.jobs import JobResult, Start
from api_schemas.runner import TaskType
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.clients import Core
from service.core.objects.storage import Blob
from service.core.queue.plan import Plan
from service.core.queue.records import JobRecord, TaskRecord


@dataclass(frozen=True)
class Kind:
    """A kind of job."""

    name: str
    plan: Callable[[Core, Any], Plan]
    """From the params of the request, or an upload, to a plan; raises ServiceError for what cannot be planned."""
    request: type[Start[Any, Any]] | None = None
    """Body of `POST /v1/jobs`. None: an upload starts the job, whose files are not kept."""
    costs: Sequence[CostName] = ()
    """Parts of the cost that every job of the kind has; none: its jobs show no cost."""


@dataclass(frozen=True)
class Outcome:
    """Everything that becomes visible together with the success of a task."""

    manifest: DatasetManifest | LabelerManifest | None = None
    job_result: JobResult | None = None
    """The result of the job, when this task is the one that ends it."""
    flops: int = 0
    """Computed by the task."""
    bytes: int = 0
    """Left by it in the object storage."""
    digest: str = ""
    """Of all that decides the task's result, where other jobs may take it; '': none may."""
    reused_from: str = ""
    """Id of the job whose result it took; '': it was computed."""
    files: Mapping[str, str] = field(default_factory=dict)
    """{name: SHA-256} of the task's files that its job keeps."""
    row: Mapping[str, Any] | None = None
    """A partial result that no runner has told the job's readers."""


@dataclass(frozen=True)
class FinishedTask:
    """A task with what its runner handed over."""

    job: JobRecord
    task: TaskRecord
    result: Mapping[str, Any]
    blobs: dict[str, Blob]
    """Its files, by name."""

    @property
    def stored_bytes(self) -> int:
        """Size of the files."""
        return sum(blob.bytes for blob in self.blobs.values())

    @property
    def digests(self) -> dict[str, str]:
        """{name: SHA-256} of the files."""
        return {name: blob.sha256 for name, blob in self.blobs.items()}

    @property
    def makes(self) -> str:
        """Id of the dataset or labeler that the task makes."""
        if self.task.makes is None:
            raise ValueError(f"task {self.task.name} of {self.job.id} makes nothing")
        return self.task.makes


@dataclass(frozen=True)
class TaskKind:
    """A type of task, whichever job it is part of."""

    type: TaskType
    timeout_seconds: int
    """Longest run of one attempt; `Settings.task_timeout_seconds` comes first."""
    stall_seconds: int
    """Longest time without progress; `Settings.task_stall_seconds` comes first."""
    outcome: Callable[[Core, FinishedTask], Outcome]
    """Makes of a finished task what it is for. Raises ValueError or KeyError for a result that is not as it must be."""
    found: Callable[[Core, JobRecord, TaskRecord], tuple[dict[str, Any], Outcome] | None] | None = None
    """Looks for what another job has made meanwhile, so that the task needs no runner: its result and outcome."""
    undo: Callable[[Core, JobRecord, TaskRecord], None] | None = None
    """Removes what a task has left that did not succeed, when its job has ended. May run twice."""
    reads_uploads: bool = False
    """Whether it reads a user's bytes: its runner is confined."""
    reports: bool = False
    """Whether it gathers the report of its job: its files are the job's, and its params get the job's id when it is
    claimed, since a retried job has another."""
    keeps_files: bool = False
    """Whether its files are the job's, though it makes neither a dataset nor a labeler."""
    in_crowds: bool = False
    """Whether many of one job run at a time: one CPU thread for each then beats all threads for one."""
