"""The protocol between supervisor and runner: one `task.json` in, one JSON line per event out.

A task folder holds `task.json`, `inputs/` (read-only), `outputs/` (what the runner writes), and `checkpoint/`
(what the last `checkpoint` event of an earlier attempt left, empty at first). A runner whose task says that it `stays`
gets the next folder as a line on its standard input.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from api_schemas.base import Response
from api_schemas.problems import TaskError


class TaskType(StrEnum):
    """The types of tasks that a runner computes; one file each in `workers/runner/tasks`."""

    INGEST = "ingest"
    IMPORT_LABELER = "import_labeler"
    TRAIN_LABELER = "train_labeler"
    RANDOM_SET = "random_set"
    GENERATE_LABELS = "generate_labels"
    EVALUATE = "evaluate"
    REPORT = "report"
    EXPORT = "export"
    COMPARE = "compare"


class Confinement(Response):
    """Limits of a runner that reads a user's bytes."""

    model_config = ConfigDict(frozen=True)

    memory_bytes: int
    """Private writable memory (RLIMIT_DATA): heap, stacks, and files mapped copy-on-write."""
    file_bytes: int
    """Any one file that it writes."""
    cpu_seconds: int
    """Of all its threads together."""
    open_files: int
    network: bool
    """Whether it may reach the network."""


class RunnerTask(Response):
    """`task.json`. `inputs` maps an input's name to {file name: path relative to the task folder}."""

    type: TaskType | Literal["self_test"]
    """`self_test` is of no job: a worker looks whether its device computes and its readers read."""
    params: dict[str, Any]
    inputs: dict[str, dict[str, str]]
    documents: dict[str, Any]
    """JSON that came with the inputs, by the same names: manifests of sets and labelers, results of earlier tasks."""
    device: str
    """`cpu` or `cuda`."""
    threads: int
    slots: int = 1
    """Tasks that there is room for on the worker, this one included."""
    sharers: int = 1
    """Tasks that there is room for on the GPU, this one included."""
    confinement: Confinement | None = None
    """None: the task reads nothing that came from a user."""
    stays: bool = False
    """Whether the process, once this task is done, waits for another one of the same tenant and environment."""
    small_seconds: float | None = None
    """Of processor time for reading a small upload, after which SIGPROF ends the process; None: no upload that has to
    be small."""


class ProgressEvent(Response):
    """How far the stage is."""

    event: Literal["progress"]
    stage: str
    done: int
    total: int
    unit: str
    rate: float | None
    eta_seconds: float | None


class MetricEvent(Response):
    """Named numbers, such as one epoch of labeler training."""

    event: Literal["metric"]
    name: str
    values: dict[str, Any]


class RowEvent(Response):
    """A partial result, such as one finished trial."""

    event: Literal["row"]
    values: dict[str, Any]


class LogEvent(Response):
    """A line for the reader of the job's log."""

    event: Literal["log"]
    level: Literal["info", "warning"]
    message: str


class CheckpointEvent(Response):
    """`files` under `checkpoint/` are complete; a later attempt starts with them in place."""

    event: Literal["checkpoint"]
    files: list[str]


class DoneEvent(Response):
    """The task succeeded: `files` are names under `outputs/`, `result` is its JSON result."""

    event: Literal["done"]
    files: list[str]
    result: dict[str, Any]


class FailedEvent(Response):
    """The task failed for a reason the runner understood."""

    event: Literal["failed"]
    error: TaskError


class ReadyEvent(Response):
    """A runner whose task `stays` and succeeded takes the next folder; no event of a task."""

    event: Literal["ready"]


RunnerEvent = Annotated[
    ProgressEvent | MetricEvent | RowEvent | LogEvent | CheckpointEvent | DoneEvent | FailedEvent,
    Field(discriminator="event"),
]
RUNNER_EVENT: TypeAdapter[RunnerEvent] = TypeAdapter(RunnerEvent)
