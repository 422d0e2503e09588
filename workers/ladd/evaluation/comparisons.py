"""Every arm of an evaluation against the baseline, and some against their own, by architecture and as k-CAE."""

from collections.abc import Sequence

import numpy as np

from api_schemas.evaluation import Comparison, EvaluationRow
from method.arms import BASELINE, LADD, RANDOM_LADD
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.judgement import judge
from workers.ladd.evaluation.paired_difference import Pair, Shared

PAIRS = ((LADD, RANDOM_LADD), ("ladd_best_lr", "baseline_best_lr"), (LADD, "baseline_matched"))
"""Arms that are compared with another one than the baseline: with the same labels on other images, at a learning rate
that suits it as well, and after as many forwards."""


def compare_arms(rows: Sequence[EvaluationRow], test_images: int) -> list[Comparison]:
    """Compare each set and arm that the summary quotes with the baseline, in the order of the rows, then `PAIRS`.

    The other arm is that of the same set; a set that has none is compared with that of the first set that does. An
    architecture without it is left out, and with it the k-CAE (architecture None) of the arm.
    """
    answers = {
        (row.dataset, row.arm, row.architecture): np.stack(
            [unpack_answers(trial.correct, test_images) for trial in row.trials]
        )
        for row in rows
        if row.in_summary
    }
    # Trial t takes the labels of labeler t on every architecture.
    by_labeler = {(row.dataset, row.arm) for row in rows if isinstance(row.recipe.get("labels_of"), list)}
    arms = list(dict.fromkeys(place[:2] for place in answers))
    asked = [(dataset, arm, BASELINE) for dataset, arm in arms if arm != BASELINE]
    asked += [(dataset, arm, other) for one, other in PAIRS for dataset, arm in arms if arm == one]
    found = []
    for dataset, arm, other in asked:
        architectures = [place[2] for place in answers if place[:2] == (dataset, arm)]
        have = [each for each, of in arms if of == other]
        reference = dataset if dataset in have else next(iter(have), dataset)
        pairs = {
            architecture: Pair(answers[dataset, arm, architecture], answers[reference, other, architecture])
            for architecture in architectures
            if (reference, other, architecture) in answers
        }
        shared = Shared((dataset, arm) in by_labeler, (reference, other) in by_labeler)
        for architecture, judged in judge(pairs, shared).items():
            if architecture is None and len(pairs) < len(architectures):
                continue
            found.append(
                Comparison(
                    dataset=dataset,
                    arm=arm,
                    minus=other,
                    architecture=architecture,
                    **judged.in_report,
                )
            )
    return found
