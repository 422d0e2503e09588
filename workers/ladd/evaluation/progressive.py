"""Progressive views: whether cheap trials have answered if LADD beats the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.ladd.evaluation.statistics import summarize


@dataclass(frozen=True)
class Decision:
    """`open`: the interval contains 0, or there is none. Differences are LADD minus baseline, in points of accuracy."""

    open: bool
    mean_difference: float
    ci95: tuple[float, float] | None


def open_question(baseline: Sequence[float], ladd: Sequence[float]) -> Decision:
    """Decide from accuracies in percent, at the same place those of the same trial (the same initial weights).

    The question is open while Student's 95 % interval of the mean of the paired differences contains 0. With three
    trials the interval reaches 4.3 standard errors to either side, with five 2.8; two leave the question open. Raises
    ValueError unless both arms have the same number of trials, at least two.
    """
    if len(baseline) != len(ladd) or len(baseline) < 2:
        raise ValueError(
            f"baseline and ladd must have the same number of trials, at least 2; got {len(baseline)} and {len(ladd)}"
        )
    summary = summarize([theirs - ours for ours, theirs in zip(baseline, ladd, strict=True)])
    if summary.ci95 is None:
        return Decision(open=True, mean_difference=summary.mean, ci95=None)
    low, high = summary.ci95
    return Decision(open=low <= 0 <= high, mean_difference=summary.mean, ci95=(low, high))
