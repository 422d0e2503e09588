"""How trials and architectures are summarised. Plain Python, so that a report needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def summarize(accuracies: Sequence[float]) -> dict[str, Any]:
    """Return `mean`, `std` and `ci95` of the trials' accuracies.

    `std` is the population one (ddof 0), as MTT and GLaD report. `ci95`, [low, high], is Student's interval of the
    mean, mean -+ t(0.975, n - 1) s / sqrt(n) with the sample standard deviation s (ddof 1), and None for one trial.
    Raises ValueError without any trial.
    """
    n = len(accuracies)
    if n < 1:
        raise ValueError("accuracies must hold at least one trial; got none")
    mean = math.fsum(accuracies) / n
    squares = math.fsum((accuracy - mean) ** 2 for accuracy in accuracies)
    if n == 1:
        return {"mean": mean, "std": 0.0, "ci95": None}
    reach = student_t_975(n - 1) * math.sqrt(squares / (n - 1) / n)
    return {"mean": mean, "std": math.sqrt(squares / n), "ci95": [mean - reach, mean + reach]}


def cae(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the k-CAE of one arm: the mean over its k rows of `mean`; `cae_std` is the mean of their `std`.

    That is how the paper's tables are made: "+-" there is the average of the standard deviations of the trials, not
    the spread over architectures. Raises ValueError unless all rows are of one arm, each of another architecture.
    """
    arms = sorted({row["arm"] for row in rows})
    if len(arms) != 1:
        raise ValueError(f"rows must be of one arm; got {', '.join(arms) or 'no rows'}")
    architectures = [row["architecture"] for row in rows]
    if len(set(architectures)) != len(architectures):
        raise ValueError(f"rows must each be of another architecture; got {', '.join(architectures)}")
    k = len(rows)
    return {
        "arm": arms[0],
        "k": k,
        "architectures": architectures,
        "cae_mean": math.fsum(row["mean"] for row in rows) / k,
        "cae_std": math.fsum(row["std"] for row in rows) / k,
    }


def student_t_975(degrees: int) -> float:
    """Return the 0.975 quantile of Student's t with a whole number of degrees of freedom (3.182 for 3).

    Found by halving the angle theta = atan(t / sqrt(degrees)), for which the probability has a finite series.
    """
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _two_sided(middle, degrees) < 0.95:
            low = middle
        else:
            high = middle
    return math.tan(high) * math.sqrt(degrees)


def _two_sided(theta: float, degrees: int) -> float:
    """P(|T| < sqrt(degrees) tan theta): Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term, series = (cosine if odd else 1.0), 0.0
    for factor in range(odd + 1, degrees, 2):
        series += term
        term *= cosine**2 * factor / (factor + 1)
    return 2 / math.pi * (theta + sine * series) if odd else sine * series
