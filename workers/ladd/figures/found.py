"""What a job has found, as far as figures show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Found:
    """Rows of an evaluation, epochs of a labeler, both as the report has them; test images uint8 [T, H, W, C].

    `points` of a sweep and the `summary` of the evaluation are as the report has them, too. `preparation`: FLOPs of
    `distillation`, `labelling` and `labeler_training` of the sets `own_sets`, which are no controls; None where the
    first is not known.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    epochs: Sequence[Mapping[str, Any]] = ()
    test_images: NDArray[np.uint8] | None = field(default=None, compare=False)
    points: Sequence[Mapping[str, Any]] = ()
    summary: Sequence[Mapping[str, Any]] = ()
    preparation: Mapping[str, float | None] | None = None
    own_sets: Sequence[str] = ()
