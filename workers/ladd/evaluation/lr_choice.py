"""Source images that a choice may look at: never those that an evaluation tests on."""

import numpy as np
from numpy.typing import NDArray

HELD_OUT_IMAGES = 1000
"""Two points of standard error at an accuracy of 50 %, at a small part of the cost of the training it chooses for."""


def held_out_rows(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Return which images of `source.train` to choose by, in order: the last of each class, at most 1,000 in all.

    At least one of each class that has any.
    """
    per_class = max(1, HELD_OUT_IMAGES // num_classes)
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[-per_class:] for label in range(num_classes)]))
