"""What importers are told and what they return."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from method.class_maps import CLASS_MAPS, IMAGEFOLDER, wnids
from workers.ladd.sets.stored_set import Labels

Progress = Callable[[int], None]
"""Called with the number of uploaded bytes read so far."""

DISTILLED_SPLIT = "all"
SOURCE_SPLITS = ("train", "val")


@dataclass(frozen=True)
class KnownSource:
    """What is known of the source set of a distilled set: class names in label order, pixels a side.

    `train_images` is its file of that name, for a set that ZCA is to be fitted for.
    """

    class_names: Sequence[str]
    side: int
    train_images: Path | None = None


@dataclass(frozen=True)
class ImportOptions:
    """The sender's metadata, as in the API's `DatasetMetadata`, and the source set that it names, if that is ready.

    `role` is `distilled` or `source`; `format` is `auto` or a name of `method.formats`.
    `normalization` is `auto`, `none`, `zca`, a key of `NORMALIZATIONS`, or {"mean": [...], "std": [...]} on the [0, 1]
    scale.
    `class_map` lists class names in label order (folder names, for class folders), or is `auto`, a key of `CLASS_MAPS`
    or `imagefolder`. `soft_labels` is `auto`, `probabilities` or `logits`. `factor` is that of IDC's mosaics.
    `resolution` and `resize` apply to image files; `experiment` picks an entry of a DC, DSA or DM file.
    """

    role: str
    format: str = "auto"
    normalization: str | Mapping[str, Sequence[float]] = "auto"
    class_map: str | Sequence[str] = "auto"
    resolution: int | None = None
    resize: str = "center_crop"
    experiment: int | None = None
    soft_labels: str = "auto"
    learned_lr: float | None = None
    factor: int | None = None
    source: KnownSource | None = None

    @property
    def class_names(self) -> list[str] | None:
        """The class names the sender gave in label order, None when they are to be found."""
        if not isinstance(self.class_map, str):
            return list(self.class_map)
        return wnids(self.class_map) if self.class_map in CLASS_MAPS else None

    @property
    def sorted_source_names(self) -> list[str] | None:
        """The names behind labels that `imagefolder` says to count sorted folders; None where that is not known."""
        return sorted(self.source.class_names) if self.class_map == IMAGEFOLDER and self.source is not None else None

    @property
    def num_classes(self) -> int | None:
        """How many classes there are by what the sender said, None when that is to be found."""
        names = self.class_names or (self.source.class_names if self.source is not None else None)
        return None if names is None else len(names)


@dataclass(frozen=True)
class SoftLabels:
    """`probabilities` float32 [n, C], each row of sum 1; `kind` is what the file held."""

    probabilities: NDArray[np.float32]
    kind: Literal["probabilities", "logits"]


@dataclass(frozen=True)
class Split:
    """Images of one split: uint8 [n, H, W, C] or float [n, C, H, W], in memory or memory-mapped, with labels [n].

    `location` is the file to name when something is wrong. `file` is a scratch `.npy` with just these images,
    when the importer had to write one: it may be moved instead of copied. `soft` goes with a distilled set's labels.
    """

    images: NDArray[np.generic]
    labels: Labels
    images_location: str
    labels_location: str
    file: Path | None = None
    soft: SoftLabels | None = None


@dataclass(frozen=True)
class Imported:
    """An upload as read: split `all` of a distilled set, splits `train` and `val` of a source set.

    `format` is the one the contents show, where an importer reads several, and `reasons` are what shows it.
    `unnormalized` tells why float images are plain pixels even where they leave [0, 1]. `stored_lr` is a learned
    learning rate and where it was found.
    """

    splits: dict[str, Split]
    class_names: list[str] | None = None
    warnings: list[str] = field(default_factory=list)
    format: str | None = None
    reasons: list[str] = field(default_factory=list)
    unnormalized: str | None = None
    stored_lr: tuple[str, float] | None = None
