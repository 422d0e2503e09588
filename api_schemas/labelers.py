"""Labelers: classifiers trained on a source set, with one row per epoch."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from api_schemas.base import DatasetId, JobId, LabelerId, Links, Page, Request, Response, Timestamp
from api_schemas.datasets import ChannelStatistics, NamedNormalization


class Architecture(StrEnum):
    """The architectures of the paper's evaluation; ConvNet's depth follows the resolution (32, 64, 128 px)."""

    CONVNET_D3 = "ConvNetD3"
    CONVNET_D4 = "ConvNetD4"
    CONVNET_D5 = "ConvNetD5"
    ALEXNET = "AlexNet"
    VGG11 = "VGG11"
    RESNET18 = "ResNet18"
    VIT = "ViT"


class LabelerRecipe(Request):
    """How a labeler is trained. Defaults: LADD section 4.1, which follows MTT's expert recipe (`buffer.py`)."""

    architecture: Architecture | None = None
    """Null: the ConvNet whose depth fits the resolution."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 10
    lr: Annotated[float, Field(gt=0, le=100)] = 0.01
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 256
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    checkpoint_epochs: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=1000)] | None = None
    """Null: every tenth epoch and the last."""
    augmentation: str = "color_crop_cutout_flip_scale_rotate"
    """A DSA strategy string, or `none`."""
    normalization: NamedNormalization | ChannelStatistics | None = None
    """Null: the distilled set's in a `ladd` job, else the source set's."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class LabelerEpoch(Response):
    """One epoch of labeler training; accuracies in percent, entropy in nats over the validation split."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float
    mean_entropy: float
    seconds: float
    checkpoint: str | None
    """Name of the stored weights (safetensors), null when this epoch was not kept."""


class LabelerLinks(Links):
    """`job` trained this labeler."""

    job: str


class Labeler(Response):
    """A trained labeler."""

    id: LabelerId
    source_dataset: DatasetId
    architecture: Architecture
    num_classes: int
    image_shape: list[int]
    recipe: LabelerRecipe
    mean: list[float]
    std: list[float]
    epochs: list[LabelerEpoch]
    flops: int
    """FLOPs (1 MAC = 2) of the training, counted."""
    job: JobId
    created_at: Timestamp
    links: LabelerLinks


class LabelerPage(Page):
    """`GET /v1/labelers`."""

    items: list[Labeler]
