"""The learning rate distilled along with a set, from the metadata or from a file (DATM's `lr_best.pt`)."""

import math

import numpy as np
from numpy.typing import NDArray

from workers.ladd.importers.reading.rejected import rejected

HIGHEST = 1000
"""As the API's `learned_lr`; trajectory matching can blow the rate up or turn it negative (MTT issues 16 and 31)."""


def stored_number(array: NDArray[np.generic]) -> float:
    """Return the one float in an array as its shortest decimal: the float32 0.01 is 0.01, not 0.009999999776."""
    return float(str(array.reshape(-1)[0]))


def choose_learned_lr(given: float | None, stored: tuple[str, float] | None, warnings: list[str]) -> float | None:
    """Return the learned learning rate: `given` in the metadata wins, and a file that disagrees is warned of.

    `stored` is where one was found, and the rate. Raises ImportRejected with rule `learned_lr_range` where it must
    serve but is not in (0, 1000].
    """
    if stored is None:
        return given
    location, found = stored
    if given is not None:
        if not math.isclose(given, found, rel_tol=1e-5):
            warnings.append(f"the metadata's learned_lr {given:g} was taken; {location} says {found:g}")
        return given
    if not 0 < found <= HIGHEST:
        raise rejected(
            location,
            "learned_lr_range",
            found,
            f"the learned learning rate must be above 0 and at most {HIGHEST}; "
            "metadata.learned_lr takes the place of the one in the file",
        )
    return found
