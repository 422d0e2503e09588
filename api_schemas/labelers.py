"""Labelers: classifiers trained on a source set, or imported, with one row per epoch."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api_schemas.base import DatasetId, JobId, LabelerId, Links, Name, Page, Request, Response, Tags, Timestamp
from api_schemas.datasets import ChannelStatistics, NamedNormalization, UploadedFile
from api_schemas.registered import Registered
from api_schemas.uploads import FromUploads
from method.architectures import ARCHITECTURES
from method.labeler import RECIPE

_ARCHITECTURE = Registered(
    "Architecture",
    ARCHITECTURES,
    "The architectures of the paper's evaluation; ConvNet's depth follows the resolution (32, 64, 128 px).",
)
Architecture = Annotated[str, _ARCHITECTURE]
"""A name of `method.architectures`: the paper's, and those of installed packages."""
ShownArchitecture = Annotated[str, _ARCHITECTURE.shown()]


class LabelerRecipe(Request):
    """How a labeler is trained. Defaults: LADD section 4.1, which follows MTT's expert recipe (`buffer.py`)."""

    architecture: Architecture | None = None
    """Null: the ConvNet whose depth fits the resolution."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = RECIPE.epochs
    lr: Annotated[float, Field(gt=0, le=100)] = RECIPE.lr
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = RECIPE.batch_size
    momentum: Annotated[float, Field(ge=0, lt=1)] = RECIPE.momentum
    weight_decay: Annotated[float, Field(ge=0, le=1)] = RECIPE.weight_decay
    checkpoint_epochs: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=1000)] | None = None
    """Null: every tenth epoch and the last."""
    augmentation: str = RECIPE.augmentation
    """Families of DSA joined by underscores, `resized_crop:A` (crops of at least A of the area, and a flip), `none`."""
    normalization: NamedNormalization | ChannelStatistics | None = None
    """Null: in a job with a distilled set what its `test_normalization` says, else the source set's."""
    held_out: Annotated[float, Field(ge=0, le=0.5)] | None = None
    """Part of each class of `source.train` that is not trained on, to choose epoch and temperature by. Null: 0.1 in a
    `ladd` job that chooses either, else 0."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


ClassIndices = Annotated[list[Annotated[int, Field(ge=0, lt=100_000)]], Field(min_length=2, max_length=25_000)]


class LabelerImportKind(StrEnum):
    """The description of a labeler that is not trained here."""

    WEIGHTS = "weights"
    REPLAY_BUFFER = "replay_buffer"
    TORCHVISION = "torchvision"
    EXPORTED = "exported"
    ZERO_SHOT = "zero_shot"


class _LabelerImport(Request):
    name: Name
    tags: Tags = {}
    source_dataset: DatasetId
    """The set whose classes the labeler knows; its val split says how good it is."""
    normalization: NamedNormalization | ChannelStatistics | None = None
    """The normalization that the network expects. Null: `imagenet` for `torchvision`, else the source set's."""
    class_map: ClassIndices | None = None
    """The network's output for each class of the source set, in label order. Null: output i is class i."""


class WeightsImport(_LabelerImport):
    """One file, safetensors or `.pt`: the state dict of an architecture of this service."""

    kind: Literal[LabelerImportKind.WEIGHTS]
    architecture: Architecture


class ReplayBufferImport(_LabelerImport):
    """One `replay_buffer_*.pt` of MTT: trajectories of an architecture's parameters, epoch by epoch."""

    kind: Literal[LabelerImportKind.REPLAY_BUFFER]
    architecture: Architecture
    trajectory: Annotated[int, Field(ge=0)] = 0
    checkpoint_epochs: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=1000)] | None = None
    """Null: every tenth epoch and the last."""


class TorchvisionImport(_LabelerImport):
    """No file: a pretrained network of torchvision, whose default weights a worker downloads."""

    kind: Literal[LabelerImportKind.TORCHVISION]
    model: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
    """torchvision's name, such as `resnet18`. Without a `class_map` the set's class names must be its categories."""
    input_size: Annotated[int, Field(ge=8, le=1024)] | None = None
    """Side in pixels that images and views are resized to (bilinear) before the network; null: as they are."""


class ExportedImport(_LabelerImport):
    """One `.pt2` of `torch.export.save`: a classifier from images [B, C, H, W] to logits."""

    kind: Literal[LabelerImportKind.EXPORTED]


class ZeroShotImport(_LabelerImport):
    """A `.pt2` image encoder, and class embeddings [C, D] as `.npy` or safetensors: logits are scale * cosine."""

    kind: Literal[LabelerImportKind.ZERO_SHOT]
    scale: Annotated[float, Field(gt=0, le=1000)] = 100.0
    """CLIP's learned one, which its training holds at 100 at most (Radford et al. 2021, section 2.5)."""


class LabelerKind(StrEnum):
    """How a labeler came to be: it was trained here, or imported as one of `LabelerImportKind`."""

    TRAINED = "trained"
    WEIGHTS = LabelerImportKind.WEIGHTS
    REPLAY_BUFFER = LabelerImportKind.REPLAY_BUFFER
    TORCHVISION = LabelerImportKind.TORCHVISION
    EXPORTED = LabelerImportKind.EXPORTED
    ZERO_SHOT = LabelerImportKind.ZERO_SHOT


LabelerMetadata = Annotated[
    WeightsImport | ReplayBufferImport | TorchvisionImport | ExportedImport | ZeroShotImport,
    Field(discriminator="kind"),
]


class WeightsFromUploads(WeightsImport, FromUploads):
    """`WeightsImport`, its file was sent in parts."""


class ReplayBufferFromUploads(ReplayBufferImport, FromUploads):
    """`ReplayBufferImport`, its file was sent in parts."""


class TorchvisionFromUploads(TorchvisionImport, FromUploads):
    """`TorchvisionImport`; there is no file."""


class ExportedFromUploads(ExportedImport, FromUploads):
    """`ExportedImport`, its file was sent in parts."""


class ZeroShotFromUploads(ZeroShotImport, FromUploads):
    """`ZeroShotImport`, its files were sent in parts."""


LabelerFromUploads = Annotated[
    WeightsFromUploads | ReplayBufferFromUploads | TorchvisionFromUploads | ExportedFromUploads | ZeroShotFromUploads,
    Field(discriminator="kind"),
]
"""`POST /v1/labelers` as JSON."""


class LabelerEpoch(Response):
    """One epoch of labeler training; accuracies in percent, entropy in nats over the validation split.

    An imported labeler has a row for each checkpoint (epoch 1 where there is one alone), without training figures.
    """

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    val_accuracy: float
    mean_entropy: float
    seconds: float
    checkpoint: str | None
    """Name of the stored weights (safetensors), null when this epoch was not kept."""


class LabelerLinks(Links):
    """`job` trained or imported this labeler."""

    job: str


class Labeler(Response):
    """A trained labeler (with `recipe`), or an imported one (with `metadata`, and the files as received)."""

    told_apart_by = ("id", "name", "architecture", "source_dataset")

    id: LabelerId
    name: str | None
    source_dataset: DatasetId
    architecture: ShownArchitecture | None
    """Null for an imported network that is none of these."""
    num_classes: int
    image_shape: list[int]
    recipe: LabelerRecipe | None
    held_out_images: int | None = None
    """Train images that the training held out; null for an imported labeler, or one trained before this was noted."""
    metadata: LabelerMetadata | None
    files: list[UploadedFile]
    mean: list[float]
    std: list[float]
    epochs: list[LabelerEpoch]
    flops: int | None
    """FLOPs (1 MAC = 2) of the training, counted; null for an imported labeler."""
    forward_flops: int
    """FLOPs of one image through the network."""
    border: int = 0
    """Pixels by which the first convolution pads images more: 2 for ConvNet, AlexNet and VGG11 on one channel, as in
    MTT and GLaD; 0 for others, and for labelers from before."""
    warnings: list[str]
    job: JobId
    created_at: Timestamp
    pinned: bool = False
    """Whether it is kept however old it is."""
    expires_at: Timestamp | None = None
    """When it is removed at the earliest, unless a job or a set that is there names it; null: never."""
    links: LabelerLinks


class LabelerPage(Page):
    """`GET /v1/labelers`."""

    items: list[Labeler]
