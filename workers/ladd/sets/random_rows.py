"""Real images picked at random: the control that says what distilling the images was worth."""

import numpy as np
import torch
from numpy.typing import NDArray

from workers.ladd.engine.seeds import generator


def pick_random_rows(labels: NDArray[np.int64], counts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return which images of `source.train` to take: `counts[c]` of class c without replacement, class by class.

    `labels` int64 [n] are the classes of the images, `counts` int64 [C]. The choice of a class depends on `seed` and on
    that class alone. Raises ValueError for a class that has too few.
    """
    picked = []
    for label, count in enumerate(counts.tolist()):
        rows = np.flatnonzero(labels == label)
        if count > len(rows):
            raise ValueError(f"counts must be within the images there are: class {label} has {len(rows)}; got {count}")
        order = torch.randperm(len(rows), generator=generator(seed, "random_rows", label)).numpy()
        picked.append(rows[order[:count]])
    return np.concatenate(picked)
