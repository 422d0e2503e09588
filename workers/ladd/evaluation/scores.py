"""DD-Ranking's scores: how good the images of a set are, whatever soft labels and augmentation add (arXiv 2505.13300).

Of accuracies as fractions, with S(x) = (e^x - e^-1) / (e - e^-1) and both weights of either mean 1/2, as in the paper:

    LRS = S(((set - random) - (real - set with hard labels)) / 2)
    ARS = S(((set - random) + (set - random, both without augmentation)) / 2)

In LRS `set - random` has the same labels on both sides, `real` has hard ones. The package `ddranking` 0.2.0 puts
percent into the exponential, so its scores are others.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean

from api_schemas.evaluation import EvaluationRow
from api_schemas.scores import Score, ScoreName
from method.arms import BASELINE, LADD, RANDOM, RANDOM_LADD, REAL

RULES: Mapping[tuple[ScoreName, str], Mapping[str, int]] = {
    ("LRS", LADD): {LADD: 1, RANDOM_LADD: -1, REAL: -1, BASELINE: 1},
    ("LRS", BASELINE): {BASELINE: 2, RANDOM: -1, REAL: -1},
    ("ARS", BASELINE): {BASELINE: 1, RANDOM: -1, "baseline_noaug": 1, "random_noaug": -1},
}
"""{(score, arm that it is of): how often the accuracy of each arm goes into the sum that S takes half of}."""


def scores(rows: Sequence[EvaluationRow]) -> list[Score]:
    """Return the scores of every set that has the arm they are of, for each architecture that all their arms have.

    Controls have sets of their own, and those of a sweep share a baseline: an arm that the set itself lacks is that of
    the first set that has it. After the architectures, where none is left out, comes the mean of their scores.
    """
    means: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.in_summary:
            means.setdefault((row.arm, row.architecture), {})[row.dataset] = row.mean
    found: list[Score] = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        for (name, arm), signs in RULES.items():
            architectures = [
                architecture for (each, architecture), sets in means.items() if each == arm and dataset in sets
            ]
            of_each = []
            for architecture in architectures:
                sets = {other: means.get((other, architecture), {}) for other in signs}
                if all(sets.values()):
                    accuracies = {other: have.get(dataset, next(iter(have.values()))) for other, have in sets.items()}
                    of_each.append(_score(dataset, arm, name, architecture, accuracies))
            found += of_each
            if of_each and len(of_each) == len(architectures):
                found.append(_mean(of_each))
    return found


def missing_arms(present: Collection[str]) -> dict[ScoreName, list[str]]:
    """Return {score: arms without which it is not known} where these arms are; LRS is that of `ladd` where it is."""
    of: dict[ScoreName, str] = {"LRS": LADD if LADD in present else BASELINE, "ARS": BASELINE}
    lacking = {name: [arm for arm in RULES[name, of[name]] if arm not in present] for name in of}
    return {name: arms for name, arms in lacking.items() if arms}


def _score(dataset: str, arm: str, name: ScoreName, architecture: str, accuracies: Mapping[str, float]) -> Score:
    half = sum(sign * accuracies[each] / 100 for each, sign in RULES[name, arm].items()) / 2
    score = (math.exp(half) - math.exp(-1)) / (math.e - math.exp(-1))
    return Score(
        dataset=dataset, arm=arm, name=name, architecture=architecture, score=score, accuracies=dict(accuracies)
    )


def _mean(scores: Sequence[Score]) -> Score:
    accuracies = {arm: fmean(each.accuracies[arm] for each in scores) for arm in scores[0].accuracies}
    changes = {"architecture": None, "score": fmean(each.score for each in scores), "accuracies": accuracies}
    return scores[0].model_copy(update=changes)
