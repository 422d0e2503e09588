"""The grid of local views, and the policies by which a training takes them."""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

GRID = 5
"""N of the paper's N x N views (sections 3.1 and 4.1)."""
RATIO = 0.625
"""R: the part of each axis that a view covers (section 4.1)."""

POLICY = r"full|pool|sampled:[1-9][0-9]{0,3}"
"""A policy of one training: all views, as in Eq. 5 (section 3.3); rows out of images and views alike; K views drawn
each step."""
PROGRESSIVE = "progressive"
"""`sampled:1` first, then `full` where that leaves open which arm is better: a policy of an evaluation."""

Reduction = Literal["sum", "mean"]
REDUCTIONS: Mapping[Reduction, float | None] = {"sum": None, "mean": 1.0}
"""Names of two weights of the views' term. The loss of an image is that of the whole image and, times this weight, the
mean of those of its views. None: as many as there are views, which is the sum over them, Eq. 5 as written."""


def view_weight(weight: float | None, views: int) -> float:
    """Return the weight of the mean over so many views as a number."""
    return float(views) if weight is None else weight


def reduction_of(weight: float | None, views: int) -> Reduction | None:
    """Return the name of a weight, None for one that has none."""
    # Of a single view both names are right; trainings are known by the one that was asked for.
    if weight == REDUCTIONS["mean"]:
        return "mean"
    return "sum" if weight is None or weight == views else None


def weight_in_words(recipe: Mapping[str, Any]) -> str:
    """Return the weight of the views in the recipe of a row, by its name where it has one; "-" where it has none."""
    weight = recipe.get("view_weight")
    return str(recipe.get("reduction", "-" if weight is None else f"{weight:g}"))


def crop_side(ratio: float, size: int) -> int:
    """Return the side in pixels of a view along an axis of `size` pixels: ratio * size rounded half up, at least 1."""
    return max(1, math.floor(ratio * size + 0.5))


def crop_offsets(n: int, ratio: float, size: int) -> tuple[int, ...]:
    """Return the first pixels of the n views along an axis: k * (size - side) / (n - 1), rounded half up.

    The first view starts at the first pixel and the last one ends at the last. A single view is centred.
    """
    slack = size - crop_side(ratio, size)
    if n == 1:
        return ((slack + 1) // 2,)
    return tuple((2 * k * slack + n - 1) // (2 * (n - 1)) for k in range(n))


def drawn_views(policy: str) -> int | None:
    """Return K of `sampled:K`, None for a policy that draws none."""
    return int(policy.partition(":")[2]) if policy.startswith("sampled:") else None


def is_policy(policy: object) -> bool:
    """Tell whether a value is a policy of one training."""
    return isinstance(policy, str) and re.fullmatch(POLICY, policy) is not None
