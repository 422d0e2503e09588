"""How trials are summarised."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtrit


class Spread(NamedTuple):
    """`std` is the population one (ddof 0), as MTT and GLaD report.

    `ci95`, [low, high], is Student's interval of the mean, mean -+ t(0.975, n - 1) s / sqrt(n) with the sample standard
    deviation s (ddof 1), and None for one trial.
    """

    mean: float
    std: float
    ci95: list[float] | None


def summarize(accuracies: Sequence[float]) -> Spread:
    """Return mean and spread of the trials' accuracies; raises ValueError without any trial."""
    n = len(accuracies)
    if n < 1:
        raise ValueError("accuracies must hold at least one trial; got none")
    mean = math.fsum(accuracies) / n
    squares = math.fsum((accuracy - mean) ** 2 for accuracy in accuracies)
    if n == 1:
        return Spread(mean, 0.0, None)
    reach = student_t_975(n - 1) * math.sqrt(squares / (n - 1) / n)
    return Spread(mean, math.sqrt(squares / n), [mean - reach, mean + reach])


def student_t_975(degrees: int) -> float:
    """Return the 0.975 quantile of Student's t with a whole number of degrees of freedom (3.182 for 3)."""
    return float(stdtrit(degrees, 0.975))
