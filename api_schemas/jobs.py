"""Jobs: the kinds a caller may start, those that an upload starts, and how they are shown."""

from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, Discriminator, Field, StringConstraints, Tag, model_validator

from api_schemas.base import DatasetId, JobId, LabelerId, Links, Name, Page, Request, Response, Tags, Timestamp
from api_schemas.comparison import MOST_JOBS
from api_schemas.cost import JobCost
from api_schemas.datasets import ExportFormat
from api_schemas.ensemble import Ensemble, EpochChoice, LabelerChoice, OneLabeler, SeveralLabelers, Temperature
from api_schemas.evaluation import Evaluation, EvaluationSpec, FlopCount, Reuse
from api_schemas.job_parts import Attempt, Creator, Progress, QueuePlace
from api_schemas.labelers import LabelerRecipe
from api_schemas.labelling import Labelling
from api_schemas.problems import TaskError
from api_schemas.protocols import ByProtocol
from api_schemas.storage import Storage
from method.encodings import PATTERN
from method.normalizations import CARRIED, TestNormalization
from method.views import GRID, RATIO


class JobKind(StrEnum):
    """`ingest_dataset` is started by `POST /v1/datasets`, `import_labeler` by `POST /v1/labelers`."""

    INGEST_DATASET = "ingest_dataset"
    IMPORT_LABELER = "import_labeler"
    TRAIN_LABELER = "train_labeler"
    GENERATE_LABELS = "generate_labels"
    EVALUATE = "evaluate"
    LADD = "ladd"
    SWEEP = "sweep"
    EXPORT = "export"
    COMPARE = "compare"

    @classmethod
    def admit(cls, name: str) -> None:
        """Take a further name for that of a kind, which is not among the members."""
        if name not in cls._value2member_map_:
            kind = str.__new__(cls, name)
            kind._name_, kind._value_ = name.upper(), name
            _ADMITTED[name] = kind

    @classmethod
    def _missing_(cls, value: object) -> "JobKind | None":
        return _ADMITTED.get(value)


_ADMITTED: dict[object, JobKind] = {}
"""{name: kind} of kinds that the service is extended with."""


class JobState(StrEnum):
    """States of a job and of a task. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})


class Views(Request):
    """The grid of local views: n x n crops, each covering `ratio` of an axis (paper: 5, 62.5 %)."""

    n: Annotated[int, Field(ge=1, le=32)] = GRID
    ratio: Annotated[float, Field(gt=0, le=1)] = RATIO


Encoding = Annotated[str, StringConstraints(pattern=rf"^{PATTERN}$")]
"""How the archive holds dense labels. All but float32 (the paper's) lose a little, and networks train on what is left.

`topk:K`, K below the number of classes, fails a job whose labels it would change too much (mean KL above 0.05 nats).
"""


class ImageFormat(StrEnum):
    """How the archive holds images. `png` and `webp` (lossless, three channels) are for 8-bit sets."""

    NPY = "npy"
    PNG = "png"
    WEBP = "webp"


class Packing(Request):
    """How the archive is written."""

    encoding: Encoding = "float32"
    images: ImageFormat = ImageFormat.NPY
    formats: Annotated[list[Literal["mtt", "safetensors", "webdataset", "parquet"]], Field(max_length=4)] = []
    """Other forms of the archive to write as well, with decoded labels: `GET .../archive?format=` fetches them."""
    reuse: Reuse = "auto"
    """`auto`: dense labels that were written in the same way and forms before are taken, and so are trials of equal
    sets, arms, architectures, recipes and seeds; `never`: all is made anew."""


class TrainLabelerParams(LabelerRecipe):
    """Train a labeler on a source set."""

    source_dataset: DatasetId


class GenerateLabelsParams(Packing):
    """Write dense labels for a distilled set with a trained labeler."""

    dataset: DatasetId
    labeler: LabelerChoice
    epoch: EpochChoice = None
    """Which checkpoint. Null: epoch 10 (the paper's) when kept, else the last. `auto`: by held-out source images."""
    temperature: Temperature = 1.0
    """Logits are divided by it before the softmax; 1: the paper's labels. `auto`: fitted on held-out source images."""
    views: Views = Views()
    test_normalization: TestNormalization = CARRIED
    """As in an evaluation: under `as_published` the labeler sees a normalised set as it is stored."""


class EvaluateParams(ByProtocol, EvaluationSpec):
    """Train architectures from scratch on one or more sets and report their accuracy on the source set's val split."""

    at_top = True
    dataset: DatasetId | None = None
    datasets: Annotated[list[DatasetId], Field(min_length=1, max_length=32)] | None = None
    source_dataset: DatasetId | None = None
    """Null: the one named when the set was uploaded."""
    reuse: Reuse = "auto"
    """`auto`: trials of equal sets, arms, architectures, recipes and seeds that were run before are taken; `never`: all
    are run anew."""

    @model_validator(mode="after")
    def _one_of(self) -> "EvaluateParams":
        if (self.dataset is None) == (self.datasets is None):
            raise ValueError("exactly one of 'dataset' and 'datasets' must be given")
        return self


_Recipe = Annotated[LabelerRecipe, Tag("recipe")]


def _form(sent: Any) -> str:
    if (isinstance(sent, dict) and "ensemble" in sent) or isinstance(sent, Ensemble):
        return "ensemble"
    return "id" if isinstance(sent, str) else "recipe"


class LaddParams(ByProtocol, Packing):
    """Train (or reuse) a labeler, write dense labels, evaluate: the whole method."""

    dataset: DatasetId
    source_dataset: DatasetId | None = None
    """Null: the one named when the set was uploaded."""
    labeler: Annotated[OneLabeler | SeveralLabelers | _Recipe, Discriminator(_form)] = LabelerRecipe()
    labeler_seeds: Annotated[int, Field(ge=1, le=16)] = 1
    """How many labelers to train that differ by their seed alone, from the recipe's on. Each writes dense labels, and
    trials take those of each in turn, so that spread and intervals contain the labeler's."""
    epoch: EpochChoice = None
    temperature: Temperature = 1.0
    views: Views = Views()
    evaluation: EvaluationSpec | None = EvaluationSpec()
    """Null: stop after the archive."""


class SweepParams(ByProtocol, Packing):
    """The whole method at every combination of `n`, `ratio` and `epochs`, with one labeler."""

    dataset: DatasetId
    source_dataset: DatasetId | None = None
    """Null: the one named when the set was uploaded."""
    labeler: Annotated[
        OneLabeler | _Recipe, Discriminator(lambda sent: "id" if isinstance(sent, str) else "recipe")
    ] = LabelerRecipe()
    """A recipe keeps the checkpoints that `epochs` names."""
    n: Annotated[list[Annotated[int, Field(ge=1, le=32)]], Field(min_length=1, max_length=32)] = [GRID]
    ratio: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1, max_length=32)] = [RATIO]
    epochs: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=64)] | None = None
    """Null: epoch 10 (the paper's) when kept, else the last."""
    evaluation: EvaluationSpec = EvaluationSpec()
    """Arms that need no labeler are trained once, on the plain set, and the others are compared with its baseline."""


class CompareParams(Request):
    """Set the evaluations of jobs side by side: `GET /v1/compare` shows it, and starts the job itself."""

    jobs: Annotated[list[JobId], Field(min_length=2, max_length=MOST_JOBS)]
    """The others are compared with the first."""


class ExportParams(Request):
    """Write the plain set in another layout: `GET /v1/datasets/{id}/export` fetches it, and starts the job itself."""

    dataset: DatasetId
    format: ExportFormat = ExportFormat.NPZ


_Kind = TypeVar("_Kind")
_Params = TypeVar("_Params")


class Start(Request, Generic[_Kind, _Params]):
    """Body of `POST /v1/jobs`."""

    kind: _Kind
    params: _Params
    tags: Tags = {}
    name: Name | None = None
    """Null: the kind and the name of the set."""
    deadline: AwareDatetime | None = None
    """A job of which no task has started by then ends as `expired`."""
    priority: Annotated[int, Field(ge=-10, le=10)] = 0
    """Among the jobs of one tenant: those of a higher one come first. Tenants take turns whatever theirs is."""
    validate_only: bool = False
    """Answer with the plan and its cost, and start nothing."""


class TrainLabelerRequest(Start[Literal[JobKind.TRAIN_LABELER], TrainLabelerParams]):
    """`kind: train_labeler`."""


class GenerateLabelsRequest(Start[Literal[JobKind.GENERATE_LABELS], GenerateLabelsParams]):
    """`kind: generate_labels`."""


class EvaluateRequest(Start[Literal[JobKind.EVALUATE], EvaluateParams]):
    """`kind: evaluate`."""


class LaddRequest(Start[Literal[JobKind.LADD], LaddParams]):
    """`kind: ladd`."""


class SweepRequest(Start[Literal[JobKind.SWEEP], SweepParams]):
    """`kind: sweep`."""


class ExportRequest(Start[Literal[JobKind.EXPORT], ExportParams]):
    """`kind: export`."""


class CompareRequest(Start[Literal[JobKind.COMPARE], CompareParams]):
    """`kind: compare`."""


JobRequest = Annotated[
    TrainLabelerRequest
    | GenerateLabelsRequest
    | EvaluateRequest
    | LaddRequest
    | SweepRequest
    | ExportRequest
    | CompareRequest,
    Field(discriminator="kind"),
]


class Task(Response):
    """The unit of claim, retry and GPU work."""

    name: str
    stage: str
    state: JobState
    progress: Progress | None
    attempts: list[Attempt]
    reused_from: JobId | None = None
    """The job whose result the task took, which may be gone; null: it has one of its own."""


class JobResult(Response):
    """The results of a job; a field is null when the kind does not make it."""

    dataset: DatasetId | None
    labeler: LabelerId | None
    """Null as well where several wrote the labels: `labelling` names the members of an ensemble."""
    labelling: Labelling | None
    storage: Storage | None
    flops: FlopCount | None
    evaluation: Evaluation | None


class JobLinks(Links):
    """`report` is null until there is one; `retried_as` is the job that replaced a failed one."""

    events: str
    cancel: str
    retry: str
    report: str | None
    archive: str | None
    retried_as: str | None


class Job(Response):
    """A job as shown."""

    told_apart_by = ("id", "kind", "state", "error")

    id: JobId
    name: str = ""
    """Empty: from a service that has no names yet."""
    kind: JobKind
    state: JobState
    params: dict[str, Any]
    tags: dict[str, str]
    priority: int = 0
    deadline: Timestamp | None = None
    created_by: Creator | None = None
    """Null: made without a key, or before this was noted."""
    queue: QueuePlace | None = None
    """Null unless the job is queued and its first task may be taken."""
    progress: Progress | None
    tasks: list[Task]
    cost: JobCost | None
    """Null for an upload, and for a job that is not planned yet."""
    result: JobResult | None
    error: TaskError | None
    notes: list[str] = []
    """Defaults that were left out, and in what the job is not the preset that its tag names."""
    waiting: str | None = None
    """The reason why nothing of an unfinished job, or not all of it, can run: no worker takes one of its queues, or a
    dataset that it names is validated still. Such a job has neither tasks nor cost yet, and `params` are as sent."""
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    pinned: bool = False
    """Whether it is kept however long ago it ended."""
    expires_at: Timestamp | None = None
    """When it is removed at the earliest, with its report; null: never, or not known before its end."""
    links: JobLinks


class JobPage(Page):
    """`GET /v1/jobs`. `result.evaluation` and `result.labelling`, which may be long, are left out (null) here."""

    items: list[Job]
