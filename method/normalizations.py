"""Channel statistics by name, as the `get_dataset` functions of DatasetCondensation, mtt-distillation and GLaD have
them, on the [0, 1] scale.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


_CIFAR10 = Statistics((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# `Config` of GLaD, which its CIFAR-10 overwrites and its CIFAR-100 does not: the mean of SVHN with ImageNet's std.
_GLAD_WP = Statistics((0.4377, 0.4438, 0.4728), (0.229, 0.224, 0.225))

NORMALIZATIONS: Mapping[str, Statistics] = {
    "mnist": Statistics((0.1307,), (0.3081,)),
    "fashion_mnist": Statistics((0.2861,), (0.3530,)),
    "svhn": Statistics((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "cifar10": _CIFAR10,
    # CIFAR-100's own, in DC, DSA and DM only.
    "cifar100": Statistics((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
    # CIFAR-100 as MTT, AST, TESLA, DATM, IDC, DD-Ranking and GLaD (in pixel space) normalise it.
    "cifar100_mtt": _CIFAR10,
    "imagenet": _IMAGENET,
    # Tiny ImageNet with ImageNet's, in all of them.
    "tiny_imagenet": _IMAGENET,
    # GLaD's images decoded in w+ space. The real ones beside them are normalised with ImageNet's, those of CIFAR-100
    # with 0.5 and 0.5.
    "glad_wp": _GLAD_WP,
    "glad_cifar100": _GLAD_WP,
    "glad_cifar100_real": Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}

ZCA = "zca"
"""Whitening in place of channel statistics: of a set that was distilled in whitened space."""


TestNormalization = Literal["carried", "as_published"]
CARRIED: TestNormalization = "carried"
"""Real images are normalised with what the distilled set carries, its images converted where that must be."""
AS_PUBLISHED: TestNormalization = "as_published"
"""Real images are normalised with the source set's statistics, as public evaluations do whatever a set carries, and a
set that is normalised is fed as it is stored: its values are taken to carry the source set's."""


def name_of(mean: Sequence[float], std: Sequence[float]) -> str | None:
    """Return the first name of these statistics, None where they have none."""
    wanted = tuple(mean), tuple(std)
    return next((name for name, statistics in NORMALIZATIONS.items() if statistics == wanted), None)


def unit_fault(mean: Sequence[float], std: Sequence[float]) -> str | None:
    """Say why these cannot be statistics on the [0, 1] scale, None where they can.

    They are those of pixels divided by 255: their mean lies in [0, 1], and their standard deviation is 0.5 at most;
    1 stands for none.
    """
    if min(mean) >= 0 and max(mean) <= 1 and max(std) <= 1:
        return None
    return "statistics are those of pixels divided by 255: mean in [0, 1], std in (0, 1]"
