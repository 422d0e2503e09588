"""Arguments and results of importers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api_schemas.datasets import DatasetMetadata, NormalizationChoice, SoftLabelKind
from method.class_maps import CLASS_MAPS, IMAGEFOLDER, wnids
from workers.ladd.importers.own_manifest import OwnManifest
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.sets.stored_set import Labels

Progress = Callable[[int], None]
"""Called with the number of uploaded bytes read so far."""

DISTILLED_SPLIT = "all"
SOURCE_SPLITS = ("train", "val")


@dataclass(frozen=True)
class KnownSource:
    """The source set of a distilled set: class names in label order, pixels a side.

    `train_images` is its file of that name, for a set that ZCA is to be fitted for.
    """

    class_names: Sequence[str]
    side: int
    train_images: Path | None = None


class ImportOptions(DatasetMetadata):
    """The sender's metadata, and the source set that it names, if that is ready."""

    source: KnownSource | None = None

    @property
    def class_names(self) -> list[str] | None:
        """The class names the sender gave in label order, None when they are to be found."""
        if isinstance(self.class_map, str):
            return wnids(self.class_map) if self.class_map in CLASS_MAPS else None
        return self.class_map if isinstance(self.class_map, list) else None

    def renamed(self, found: Sequence[str], location: str) -> list[str]:
        """Return the class names found in `location`, those changed that `class_map` gives new names.

        Raises ImportRejected with rule `class_map_renames` where it names a class that is not there.
        """
        new = self.class_map if isinstance(self.class_map, dict) else {}
        if unknown := sorted(set(new) - set(found)):
            message = f"class_map renames what is no class of {location}; its classes are {', '.join(found)}"
            raise rejected("metadata.class_map", "class_map_renames", ", ".join(unknown), message)
        return [new.get(name, name) for name in found]

    @property
    def sorted_source_names(self) -> list[str] | None:
        """The names behind labels that `imagefolder` says to count sorted folders; None where that is not known."""
        return sorted(self.source.class_names) if self.class_map == IMAGEFOLDER and self.source is not None else None

    @property
    def num_classes(self) -> int | None:
        """How many classes there are by what the sender said, None when that is to be found."""
        names = self.class_names or (self.source.class_names if self.source is not None else None)
        return None if names is None else len(names)

    def require_distilled(self, what: str) -> None:
        """Raise ImportRejected with rule `distilled_only` for a source set in a format, `what`, that has no splits."""
        if self.role != "distilled":
            message = f"{what} hold distilled sets; a source set has splits"
            raise rejected("metadata.role", "distilled_only", self.role, message)


@dataclass(frozen=True)
class SoftLabels:
    """`probabilities` float32 [n, C], each row of sum 1; `kind` is what the file held."""

    probabilities: NDArray[np.float32]
    kind: SoftLabelKind


@dataclass(frozen=True)
class Split:
    """Images of one split: uint8 [n, H, W, C] or float [n, C, H, W], in memory or memory-mapped, with labels [n].

    `location` is the file to name when something is wrong. `file` is a scratch `.npy` with just these images,
    when the importer had to write one: it may be moved instead of copied. `soft` goes with a distilled set's labels;
    `target_columns` counts the entries of a row where the file had regression targets in its place.
    """

    images: NDArray[np.generic]
    labels: Labels
    images_location: str
    labels_location: str
    file: Path | None = None
    soft: SoftLabels | None = None
    target_columns: int | None = None

    @property
    def label_columns(self) -> int | None:
        """How many entries the file's rows of labels have, one for each class; None for class indices."""
        return self.target_columns if self.soft is None else self.soft.probabilities.shape[1]


@dataclass(frozen=True)
class Augmented:
    """Labels that an archive of ours has besides its set: `dense_labels` float32 [n, V, C], `full_labels` [n, C]."""

    dense_labels: NDArray[np.float32]
    full_labels: NDArray[np.float32]
    manifest: OwnManifest


@dataclass(frozen=True)
class Imported:
    """An upload as read: split `all` of a distilled set, splits `train` and `val` of a source set.

    `format` is the one the contents show, where an importer reads several, and `reasons` are what shows it.
    `unnormalized` tells why float images are plain pixels even where they leave [0, 1]. `stored_lr` is a learned
    learning rate and where it was found. `normalization` is what files that tell it carry, where the sender does not.
    """

    splits: dict[str, Split]
    class_names: list[str] | None = None
    warnings: list[str] = field(default_factory=list)
    format: str | None = None
    reasons: list[str] = field(default_factory=list)
    unnormalized: str | None = None
    stored_lr: tuple[str, float] | None = None
    normalization: NormalizationChoice = "auto"
    augmented: Augmented | None = None
