"""Names and numbers as the cells of tables have them."""

from method.arms import LADD

PETA = 1e15
"""FLOPs in a PFLOP, the unit of tables."""


def arm_title(arm: str) -> str:
    """Return how tables call an arm."""
    return "LADD" if arm == LADD else arm


def spread(mean: float, std: float) -> str:
    """Return an accuracy in percent with its standard deviation."""
    return f"{mean:.2f} ± {std:.2f}"
