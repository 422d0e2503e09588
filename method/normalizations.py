"""Channel statistics by name, as the `get_dataset` functions of DatasetCondensation, mtt-distillation and GLaD have
them, on the [0, 1] scale.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


_CIFAR10 = Statistics((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

NORMALIZATIONS: Mapping[str, Statistics] = {
    "mnist": Statistics((0.1307,), (0.3081,)),
    "fashion_mnist": Statistics((0.2861,), (0.3530,)),
    "svhn": Statistics((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "cifar10": _CIFAR10,
    # CIFAR-100's own, in DC, DSA and DM only.
    "cifar100": Statistics((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
    # CIFAR-100 as MTT, AST, TESLA, DATM, IDC, DD-Ranking and GLaD (in pixel space) normalise it.
    "cifar100_mtt": _CIFAR10,
    # Tiny ImageNet with ImageNet's, in all of them.
    "tiny_imagenet": _IMAGENET,
    "imagenet": _IMAGENET,
    # GLaD's images decoded in w+ space (its `Config`): the mean of SVHN with the std of ImageNet.
    "glad_wp": Statistics((0.4377, 0.4438, 0.4728), (0.229, 0.224, 0.225)),
    # GLaD's CIFAR-100 decoded in w+ space.
    "glad_cifar100": Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}

ZCA = "zca"
"""Whitening in place of channel statistics: of a set that was distilled in whitened space."""


def unit_fault(mean: Sequence[float], std: Sequence[float]) -> str | None:
    """Say why these cannot be statistics on the [0, 1] scale, None where they can.

    They are those of pixels divided by 255: their mean lies in [0, 1], and their standard deviation is 0.5 at most;
    1 stands for none.
    """
    if min(mean) >= 0 and max(mean) <= 1 and max(std) <= 1:
        return None
    return "statistics are those of pixels divided by 255: mean in [0, 1], std in (0, 1]"
