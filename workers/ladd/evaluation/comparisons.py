"""Every arm of an evaluation against the baseline, and some against their own, by architecture and as k-CAE."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from api_schemas.evaluation import ArmName, Comparison, EvaluationRow
from api_schemas.labelers import Architecture
from method.arms import BASELINE, LADD, RANDOM_LADD
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.paired_difference import PairedDifference, paired_difference

PAIRS = ((LADD, RANDOM_LADD), ("ladd_best_lr", "baseline_best_lr"), (LADD, "baseline_matched"))
"""Arms that are compared with another one than the baseline: with the same labels on other images, at a learning rate
that suits it as well, and after as many forwards."""


def compare_arms(rows: Sequence[EvaluationRow], test_images: int) -> list[Comparison]:
    """Compare each set and arm that the summary quotes with the baseline, in the order of the rows, then `PAIRS`.

    The other arm is that of the same set; a set that has none is compared with that of the first set that does.
    Compared are the trials that both have; what has less than two of them is left out, and the k-CAE (architecture
    None) where that leaves out an architecture of the arm.
    """
    quoted = {(row.dataset, row.arm, row.architecture): row for row in rows if row.in_summary}
    answers = {  # {trial: which test images were right}
        place: {trial.trial: unpack_answers(trial.correct, test_images) for trial in row.trials}
        for place, row in quoted.items()
    }
    arms = list(dict.fromkeys(place[:2] for place in quoted))
    asked = [(dataset, arm, BASELINE) for dataset, arm in arms if arm != BASELINE]
    asked += [(dataset, arm, other) for one, other in PAIRS for dataset, arm in arms if arm == one]
    found = []
    for dataset, arm, other in asked:
        architectures = [place[2] for place in quoted if place[:2] == (dataset, arm)]
        have = [each for each, of in arms if of == other]
        reference = dataset if dataset in have else next(iter(have), dataset)
        pairs = {}
        for architecture in architectures:
            both = answers[dataset, arm, architecture], answers.get((reference, other, architecture), {})
            shared = sorted(both[0].keys() & both[1].keys())
            if len(shared) >= 2:
                pairs[architecture] = [np.stack([right[trial] for trial in shared]).astype(float) for right in both]
        about = {"dataset": dataset, "arm": arm, "minus": other}
        for architecture, (ours, theirs) in pairs.items():
            found.append(_comparison(about, architecture, paired_difference(ours, theirs)))
        if pairs and len(pairs) == len(architectures):
            trials = min(len(ours) for ours, _ in pairs.values())
            ours, theirs = (np.mean([pair[side][:trials] for pair in pairs.values()], axis=0) for side in (0, 1))
            found.append(_comparison(about, None, paired_difference(ours, theirs)))
    return found


def _comparison(about: Mapping[str, ArmName], architecture: Architecture | None, found: PairedDifference) -> Comparison:
    verdict: Literal["better", "worse", "no evidence"] = "no evidence"
    if found.evidence:
        verdict = "better" if found.difference > 0 else "worse"
    return Comparison(
        **about,
        architecture=architecture,
        difference=found.difference,
        ci95=list(found.ci95),
        trials_ci95=list(found.trials_ci95),
        verdict=verdict,
    )
