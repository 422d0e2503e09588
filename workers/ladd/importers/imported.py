"""What importers are told and what they return."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Progress = Callable[[int], None]
"""Called with the number of uploaded bytes read so far."""

DISTILLED_SPLIT = "all"
SOURCE_SPLITS = ("train", "val")


@dataclass(frozen=True)
class ImportOptions:
    """The sender's metadata, as in the API's `DatasetMetadata`.

    `role` is `distilled` or `source`; `format` is `auto` or a key of `IMPORTERS`.
    `normalization` is `auto`, `none`, a key of `NORMALIZATIONS`, or {"mean": [...], "std": [...]} on the [0, 1] scale.
    `class_map` lists class names in label order (folder names, for class folders).
    `resolution` and `resize` apply to image files; `experiment` picks an entry of a DC, DSA or DM file.
    """

    role: str
    format: str = "auto"
    normalization: str | Mapping[str, Sequence[float]] = "auto"
    class_map: str | Sequence[str] = "auto"
    resolution: int | None = None
    resize: str = "center_crop"
    experiment: int | None = None

    @property
    def class_names(self) -> list[str] | None:
        """The class names the sender gave, None when they are to be found."""
        return None if isinstance(self.class_map, str) else list(self.class_map)


@dataclass(frozen=True)
class Split:
    """Images of one split: uint8 [n, H, W, C] or float [n, C, H, W], in memory or memory-mapped, with labels [n].

    `location` is the file to name when something is wrong. `file` is a scratch `.npy` with just these images,
    when the importer had to write one: it may be moved instead of copied.
    """

    images: NDArray[np.generic]
    labels: Labels
    images_location: str
    labels_location: str
    file: Path | None = None


@dataclass(frozen=True)
class Imported:
    """An upload as read: split `all` of a distilled set, splits `train` and `val` of a source set."""

    splits: dict[str, Split]
    class_names: list[str] | None = None
    warnings: list[str] = field(default_factory=list)
