"""What a set's manifest says about its pixels, as the science takes it."""

from api_schemas.datasets import Normalization


def carried_statistics(normalization: Normalization) -> tuple[list[float], list[float]] | None:
    """The (mean, std) that stored images already carry; None for pixels on the [0, 1] or 8-bit scale."""
    if not normalization.applied or normalization.mean is None or normalization.std is None:
        return None
    return normalization.mean, normalization.std
