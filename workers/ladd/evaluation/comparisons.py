"""Every arm of an evaluation against the baseline, by architecture and as k-CAE."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from api_schemas.evaluation import ArmName, Comparison, EvaluationRow
from api_schemas.labelers import Architecture
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.paired_difference import PairedDifference, paired_difference


def compare_with_baseline(rows: Sequence[EvaluationRow], test_images: int) -> list[Comparison]:
    """Compare each set and arm that the summary quotes, in the order of the rows.

    The baseline is that of the same set; a set that has none is compared with the baseline of the first set that does.
    Compared are the trials that both have; what has less than two of them is left out, and the k-CAE (architecture
    None) where that leaves out an architecture of the arm.
    """
    quoted = {(row.dataset, row.arm, row.architecture): row for row in rows if row.in_summary}
    answers = {  # {trial: which test images were right}
        place: {trial.trial: unpack_answers(trial.correct, test_images) for trial in row.trials}
        for place, row in quoted.items()
    }
    found = []
    with_baseline = list(dict.fromkeys(place[0] for place in quoted if place[1] == "baseline"))
    for dataset, arm in dict.fromkeys(place[:2] for place in quoted):
        if arm == "baseline":
            continue
        architectures = [place[2] for place in quoted if place[:2] == (dataset, arm)]
        reference = dataset if dataset in with_baseline else next(iter(with_baseline), dataset)
        pairs = {}
        for architecture in architectures:
            both = answers[dataset, arm, architecture], answers.get((reference, "baseline", architecture), {})
            shared = sorted(both[0].keys() & both[1].keys())
            if len(shared) >= 2:
                pairs[architecture] = [np.stack([right[trial] for trial in shared]).astype(float) for right in both]
        for architecture, (ours, baseline) in pairs.items():
            found.append(_comparison(dataset, arm, architecture, paired_difference(ours, baseline)))
        if pairs and len(pairs) == len(architectures):
            trials = min(len(ours) for ours, _ in pairs.values())
            ours, baseline = (np.mean([pair[side][:trials] for pair in pairs.values()], axis=0) for side in (0, 1))
            found.append(_comparison(dataset, arm, None, paired_difference(ours, baseline)))
    return found


def _comparison(dataset: str, arm: ArmName, architecture: Architecture | None, found: PairedDifference) -> Comparison:
    verdict: Literal["better", "worse", "no evidence"] = "no evidence"
    if found.evidence:
        verdict = "better" if found.difference > 0 else "worse"
    return Comparison(
        dataset=dataset,
        arm=arm,
        architecture=architecture,
        difference=found.difference,
        ci95=list(found.ci95),
        trials_ci95=list(found.trials_ci95),
        verdict=verdict,
    )
