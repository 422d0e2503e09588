"""The labeler's recipe, which of its epochs are kept, and what is held out of its training."""

from dataclasses import dataclass

from method.augmentation import STRATEGY


@dataclass(frozen=True)
class LabelerRule:
    """LADD section 4.1, which follows the expert recipe of MTT (`buffer.py`): SGD without momentum or decay."""

    epochs: int = 10
    lr: float = 0.01
    batch_size: int = 256
    momentum: float = 0.0
    weight_decay: float = 0.0
    augmentation: str = STRATEGY


RECIPE = LabelerRule()

EPOCH = 10
"""The checkpoint that LADD labels with (section 3.2)."""
EVERY = 10
"""Epochs from one kept checkpoint to the next (section 3.2: 10, 20, 30, 40 and 50)."""

HELD_OUT = 0.1
"""Part of each class that a `ladd` job holds out of the training when epoch or temperature are to be chosen."""
MOST_JUDGED_ON = 2_000
"""Held-out images used at most, each with one view: more views of one image say little more."""


def kept_epochs(epochs: int) -> list[int]:
    """Return which epochs of a training are kept: every tenth and the last."""
    return [*range(EVERY, epochs, EVERY), epochs]


def held_out_count(images: int, fraction: float) -> int:
    """Return how many of a class's images are held out: the fraction rounded half up, at least one, and never all.

    With fraction 0, none.
    """
    return min(max(rounded(images, fraction), 1), images - 1) if fraction else 0


def rounded(images: int, fraction: float) -> int:
    """Return the fraction of images rounded half up: the rule until one image at least was held out of each class."""
    return int(fraction * images + 0.5)
