"""Distilled sets and source sets, as sent and as shown."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from api_schemas.base import (
    DatasetId,
    JobId,
    Links,
    Name,
    Page,
    Request,
    Response,
    Sha256,
    Tags,
    Timestamp,
)
from api_schemas.ensemble import LabelerChoice
from api_schemas.problems import Reason
from api_schemas.registered import Registered
from api_schemas.uploads import FromUploads
from method.class_maps import CLASS_MAPS, IMAGEFOLDER
from method.formats import AUTO, FORMATS
from method.normalizations import NORMALIZATIONS


class DatasetRole(StrEnum):
    """`distilled`: synthetic images to augment; `source`: the real data they were distilled from."""

    DISTILLED = "distilled"
    SOURCE = "source"


class DatasetState(StrEnum):
    """`validating -> ready | rejected`; the last two are final."""

    VALIDATING = "validating"
    READY = "ready"
    REJECTED = "rejected"


DatasetFormat = Annotated[
    str,
    Registered(
        "DatasetFormat",
        FORMATS,
        "What wrote the files. Names are those of the public code bases; `auto` recognises the layout.",
        besides=[AUTO],
    ),
]
"""`auto`, or a name of `method.formats`."""


NamedNormalization = Annotated[
    str,
    Registered("NamedNormalization", NORMALIZATIONS, "Channel statistics by the name under which code bases use them."),
]
"""A name of `method.normalizations`."""


ChannelValues = Annotated[list[float], Field(min_length=1, max_length=4)]


class ChannelStatistics(Request):
    """Per-channel mean and standard deviation, on the [0, 1] scale."""

    mean: ChannelValues
    std: ChannelValues

    @model_validator(mode="after")
    def _same_length_and_positive(self) -> "ChannelStatistics":
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels, std has {len(self.std)}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be > 0, got {min(self.std)}")
        return self


NormalizationChoice = Literal["auto", "none", "zca"] | NamedNormalization | ChannelStatistics


class Normalization(Response):
    """The normalization of a set: the statistics, and whether the stored values already carry it."""

    name: str
    """A `NamedNormalization`, `custom`, `measured` (from the source set's train split) or `none`."""
    mean: list[float] | None
    std: list[float] | None
    applied: bool
    reason: str

    @property
    def carried(self) -> tuple[list[float], list[float]] | None:
        """The (mean, std) that the stored values carry; None for values on the [0, 1] or 8-bit scale."""
        if not self.applied or self.mean is None or self.std is None:
            return None
        return self.mean, self.std


class Resize(StrEnum):
    """`center_crop`: shorter side to the resolution, then the middle square (GLaD); `squash`: both sides (MTT)."""

    CENTER_CROP = "center_crop"
    SQUASH = "squash"


NamedClassMap = Annotated[
    str,
    Registered(
        "NamedClassMap",
        CLASS_MAPS,
        "Label orders by name: ImageNet subsets as MTT and GLaD number them (`imagenet10`: IDC), or sorted folders.",
        besides=[IMAGEFOLDER],
    ),
]
"""A name of `method.class_maps`."""


SoftLabelKind = Literal["probabilities", "logits"]
"""The meaning of rows of float labels that are kept: `logits` become probabilities by a softmax."""

FloatLabels = SoftLabelKind | Literal["targets"]
"""The meaning of rows of float labels: `targets` of a regression stand for the class of their largest value alone."""
TARGETS: Literal["targets"] = "targets"


class DatasetMetadata(Request):
    """The `metadata` part of `POST /v1/datasets`."""

    name: Name
    role: DatasetRole
    tags: Tags = {}
    format: DatasetFormat = AUTO
    normalization: NormalizationChoice = "auto"
    class_map: (
        Literal["auto"]
        | NamedClassMap
        | Annotated[list[Name], Field(min_length=1, max_length=25_000)]
        | Annotated[dict[Name, Name], Field(min_length=1, max_length=25_000)]
    ) = "auto"
    """Class names in label order, or a label order by name; for class folders: folder names in label order.

    An object renames classes, such as `{"zz": "n02102040"}`, so that they match those of the source set.
    """
    source_dataset: DatasetId | None = None
    soft_labels: Literal["auto"] | FloatLabels = "auto"
    """The meaning of a row of float labels, where its values do not tell."""
    learned_lr: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Takes the place of the one in the files."""
    distillation_flops: Annotated[float, Field(gt=0, le=1e30)] | None = None
    """FLOPs of making the set, as its maker says (1 MAC = 2 FLOPs); a `ladd` job's report then draws Figure 2."""
    factor: Annotated[int, Field(ge=1, le=8)] | None = None
    """IDC: images are mosaics of `factor` x `factor` tiles; 1: whole images (IDC-I)."""
    resolution: Annotated[int, Field(ge=8, le=1024)] | None = None
    resize: Resize = Resize.CENTER_CROP
    experiment: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Which entry of a DC/DSA/DM file's `data` list; the last one by default."""


class DatasetFromUploads(DatasetMetadata, FromUploads):
    """`POST /v1/datasets` as JSON, its files sent in parts."""


class Detection(Response):
    """Which importer read the files, and what made it the one."""

    format: str
    reason: str


class ClassCount(Response):
    """How many images a class has in each split; distilled sets have one split, `all`."""

    label: int
    name: str
    images: dict[str, int]


class ValueRange(Response):
    """Smallest and largest stored value, in the units of `dtype`."""

    minimum: float
    maximum: float


class ClassNaming(StrEnum):
    """Where class names come from: `given` by class_map, the `files`, the `source_set` (assumed), or just `numbers`."""

    GIVEN = "given"
    FILES = "files"
    SOURCE_SET = "source_set"
    NUMBERS = "numbers"


class DatasetStats(Response):
    """The importer's findings."""

    num_classes: int
    ipc: int | None
    """Images per class when equal for all classes, else null."""
    num_images: int
    splits: dict[str, int]
    image_shape: Annotated[list[int], Field(min_length=3, max_length=3)]
    """[channels, height, width]."""
    dtype: Literal["uint8", "float32"]
    sha256: Sha256
    """Digest over the digests of the stored files: equal content gives an equal digest."""
    bytes: int
    class_counts: list[ClassCount]
    class_naming: ClassNaming | None = None
    """Null: made by a job, or read before this was noted."""
    value_range: ValueRange
    soft_labels: SoftLabelKind | None
    """The form of the uploaded labels; null: class indices. Stored are probabilities, the largest as the label."""
    learned_lr: float | None
    """The learning rate distilled along with the set: of the metadata, else of the files."""
    detection: Detection
    normalization: Normalization
    warnings: list[str]


class ArchiveFormat(StrEnum):
    """Forms of the archive: the zip that is always there, and those that a job wrote because its `formats` asked."""

    ZIP = "zip"
    MTT = "mtt"
    """A zip with `images_best.pt`, `labels_best.pt` and `dense_labels.pt`."""
    SAFETENSORS = "safetensors"
    WEBDATASET = "webdataset"
    """One tar shard."""
    PARQUET = "parquet"
    """For `datasets.load_dataset("parquet", ...)`."""


class Augmentation(Response):
    """How the dense labels of a label-augmented set were made.

    Of a set that was uploaded as an archive, `parent` and `labeler` are null: they were never here.
    """

    parent: DatasetId | None
    labeler: LabelerChoice | None
    epoch: int | list[int] | None
    """A list, by member, for an ensemble; so is `temperature`. Null: the archive does not tell."""
    temperature: float | list[float] | None
    n: int
    ratio: float
    encoding: str
    digest: Sha256 | None = None
    """Equal for what is labelled in the same way; null for sets from before there was this field."""
    reused_from: DatasetId | None = None
    """The set whose dense labels these are, which may be gone; null: they were made anew."""
    labeler_normalizations: list[ChannelStatistics] | None = None
    """By member, what the labeler's real images were normalised with; null: not noted."""


class UploadedFile(Response):
    """One `files` part as received."""

    name: Annotated[str, StringConstraints(max_length=255)]
    bytes: int
    sha256: Sha256


class DatasetLinks(Links):
    """`archive` is null unless the set is label-augmented; `job` is the job that made the set."""

    archive: str | None
    job: str


class Dataset(Response):
    """A distilled, label-augmented or source set."""

    told_apart_by = ("id", "name", "role", "state", "reasons")

    id: DatasetId
    name: str
    role: DatasetRole
    state: DatasetState
    metadata: DatasetMetadata
    files: list[UploadedFile]
    stats: DatasetStats | None
    augmentation: Augmentation | None
    reasons: list[Reason]
    job: JobId
    created_at: Timestamp
    links: DatasetLinks


class DatasetPage(Page):
    """`GET /v1/datasets`."""

    items: list[Dataset]
