"""The grid of local views, and the policies by which a training takes them."""

import re

GRID = 5
"""N of the paper's N x N views (section 4.1)."""
RATIO = 0.625
"""R: the part of each axis that a view covers (section 4.1)."""

POLICY = r"full|pool|sampled:[1-9][0-9]{0,3}"
"""A policy of one training: all views, as in Eq. 5; rows out of images and views alike; K views drawn each step."""
PROGRESSIVE = "progressive"
"""`sampled:1` first, then `full` where that leaves open which arm is better: a policy of an evaluation."""


def drawn_views(policy: str) -> int | None:
    """Return K of `sampled:K`, None for a policy that draws none."""
    return int(policy.partition(":")[2]) if policy.startswith("sampled:") else None


def is_policy(policy: object) -> bool:
    """Tell whether a value is a policy of one training."""
    return isinstance(policy, str) and re.fullmatch(POLICY, policy) is not None
