"""Source images that a labeler's training leaves out, so that something can be chosen by them."""

import numpy as np
from numpy.typing import NDArray

from method.labeler import held_out_count
from workers.ladd.engine.seeds import derive_seed


def split_held_out(
    labels: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on and the rows held out, both sorted, int64; a function of its arguments alone.

    Of each class of n images `held_out_count(n, fraction)` are held out. With fraction 0 all rows are trained on.
    """
    draws = np.random.default_rng(derive_seed(seed, "held_out"))
    held = [
        draws.permutation(rows)[: held_out_count(len(rows), fraction)]
        for rows in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    held_out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out
