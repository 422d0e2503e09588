"""Sets in our own form: plain `.npy` files that later jobs memory-map and never have to distrust.

A distilled set is `images.npy` (uint8 [M, H, W, C], or float32 [M, C, H, W] when it came as floats) and `labels.npy`
(int64 [M]), with `soft_labels.npy` (float32 [M, C], probabilities) where it came with soft labels: the largest entry of
a row is then the label. One that was distilled in whitened space has plain pixels all the same, and `zca.safetensors`
(`workers.ladd.sets.whitening`) to train with. A source set is `train_images.npy` (uint8 [n, H, W, C]),
`train_labels.npy`, and the same for `val`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from method.files import DISTILLED_FILES, SOFT_LABELS, SOURCE_FILES

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class DistilledSet:
    """Memory-mapped: `images` uint8 [M, H, W, C] or float32 [M, C, H, W], `labels` int64 [M].

    `soft_labels` float32 [M, C] are probabilities, None for a set that came with class indices alone.
    """

    images: NDArray[np.generic]
    labels: Labels
    soft_labels: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class SourceSet:
    """Memory-mapped: images uint8 [n, H, W, C], labels int64 [n]."""

    train_images: NDArray[np.uint8]
    train_labels: Labels
    val_images: NDArray[np.uint8]
    val_labels: Labels
    num_classes: int


def load_distilled(files: Path | Mapping[str, Path]) -> DistilledSet:
    """Memory-map a stored distilled set, given its folder or the path of each of its files."""
    images, labels = (_map(files, name) for name in DISTILLED_FILES)
    has_soft = (files / SOFT_LABELS).exists() if isinstance(files, Path) else SOFT_LABELS in files
    soft = cast(NDArray[np.float32], _map(files, SOFT_LABELS)) if has_soft else None
    return DistilledSet(images, cast(Labels, labels), soft)


def load_source(files: Path | Mapping[str, Path]) -> SourceSet:
    """Memory-map a stored source set, given its folder or the path of each of `SOURCE_FILES`."""
    train_images, train_labels, val_images, val_labels = (
        cast(NDArray[Any], _map(files, name)) for name in SOURCE_FILES
    )
    return SourceSet(train_images, train_labels, val_images, val_labels, num_classes=int(train_labels.max()) + 1)


def _map(files: Path | Mapping[str, Path], name: str) -> NDArray[np.generic]:
    path = files / name if isinstance(files, Path) else files[name]
    # copy-on-write: torch.from_numpy warns about read-only memory
    array: NDArray[np.generic] = np.load(path, mmap_mode="c", allow_pickle=False)
    return array
