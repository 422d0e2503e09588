"""How trials are summarised, and how many may be judged together."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

FEWEST_TRIALS = 3
"""Of which an interval is given. Two have Student's quantile at 12.7, and an interval says nothing but that."""
LEVEL = 0.05
"""Of p values at and below which there is evidence; 95 % intervals leave 0 out at the same place."""


class Spread(NamedTuple):
    """`std` is the population one (ddof 0), as MTT and GLaD report.

    `ci95`, [low, high], is Student's interval of the mean, mean -+ t(0.975, n - 1) s / sqrt(n) with the sample standard
    deviation s (ddof 1), and None for fewer than `FEWEST_TRIALS`.
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
    std = math.sqrt(squares / n)
    if n < FEWEST_TRIALS:
        return Spread(mean, std, None)
    reach = student_t_975(n - 1) * math.sqrt(squares / (n - 1) / n)
    return Spread(mean, std, [mean - reach, mean + reach])


def student_t_975(degrees: float) -> float:
    """Return the 0.975 quantile of Student's t; degrees of freedom may be broken numbers (3.182 for 3)."""
    return float(stdtrit(degrees, 0.975))


def two_sided_p(difference: float, error: float, degrees: float) -> float:
    """Return the p value of a difference with its standard error; without an error it is 0, of no difference 1."""
    if error == 0:
        return float(difference == 0)
    return float(2 * stdtr(degrees, -abs(difference) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number, in the order given, none above 1.

    The i-th smallest of k, counted from 0, is multiplied by k - i and not taken below the one before it. All that are
    at most `LEVEL` then are wrong together, be it one or all, in at most so many cases, however they depend on each
    other. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), 65-70.
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted
