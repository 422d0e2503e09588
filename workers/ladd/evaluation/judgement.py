"""Whether an arm is better than another, by architecture and as k-CAE; a bare GPU machine, without pydantic, has it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from method.verdicts import Verdict
from workers.ladd.evaluation.paired_difference import INDEPENDENT, Pair, PairedDifference, Shared, paired_difference
from workers.ladd.evaluation.statistics import LEVEL, holm


class Judged(NamedTuple):
    """A difference with its verdict, which is by `adjusted_p`; None where there are too few trials."""

    found: PairedDifference
    adjusted_p: float | None
    verdict: Verdict

    @property
    def in_report(self) -> dict[str, Any]:
        """The fields by which a report tells it: `Comparison` and `JobDifference` have them."""
        ci95, trials_ci95 = self.found.ci95, self.found.trials_ci95
        return {
            "difference": self.found.difference,
            "ci95": None if ci95 is None else list(ci95),
            "trials_ci95": None if trials_ci95 is None else list(trials_ci95),
            "p_value": self.found.p_value,
            "adjusted_p": self.adjusted_p,
            "verdict": self.verdict,
        }


def judge(pairs: Mapping[str, Pair], shared: Shared = INDEPENDENT) -> dict[str | None, Judged]:
    """Judge one arm of a set on each architecture and, last and as None, on the mean over all of them.

    That mean, the k-CAE, is the primary comparison: its p value is taken as it is. Those of the architectures are
    adjusted for each other (`holm`); their intervals are not. Without a pair nothing is judged. `shared`: as
    `paired_difference` takes it.
    """
    if not pairs:
        return {}
    alone = {architecture: paired_difference([pair]) for architecture, pair in pairs.items()}
    tested = {architecture: found.p_value for architecture, found in alone.items() if found.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    cae = paired_difference(list(pairs.values()), shared)
    return {
        **{architecture: _judged(found, adjusted.get(architecture)) for architecture, found in alone.items()},
        None: _judged(cae, cae.p_value),
    }


def _judged(found: PairedDifference, adjusted_p: float | None) -> Judged:
    if adjusted_p is None:
        return Judged(found, None, "too few trials")
    if adjusted_p > LEVEL:
        return Judged(found, adjusted_p, "no evidence")
    return Judged(found, adjusted_p, "better" if found.difference > 0 else "worse")
