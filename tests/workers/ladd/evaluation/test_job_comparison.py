"""Evaluations of several jobs are set side by side, and differ by the rule of a report's comparisons."""

from typing import Any

import numpy as np
import pytest

from api_schemas.evaluation import Evaluation
from workers.ladd.evaluation.answers import pack_answers
from workers.ladd.evaluation.comparisons import compare_arms
from workers.ladd.evaluation.job_comparison import compare_jobs
from workers.ladd.evaluation.rows import merge_trials, summaries

IMAGES = 200
JOBS = ["job_" + digit * 26 for digit in "012"]
SETS = ["ds_" + digit * 26 for digit in "012"]
SOURCE = "ds_" + "s" * 26


def trial(dataset: str, arm: str, architecture: str, number: int, accuracy: float, **changed: Any) -> dict[str, Any]:
    draws = np.random.default_rng(abs(hash((dataset, arm, architecture, number))) % 2**32)
    right = draws.random(IMAGES) < accuracy
    return {
        "dataset": dataset,
        "arm": arm,
        "architecture": architecture,
        "labels": "hard",
        "epochs": 10,
        "steps": 1,
        "forwards": 1,
        "images_seen": 1,
        "flops": 1,
        "recipe": {"views": "full", "name": "glad"} | changed.pop("recipe", {}),
        "rule": "last epoch",
        "trial": {
            "trial": number,
            "seed": number,
            "accuracy": 100 * float(right.mean()),
            "per_class_accuracy": [50.0],
            "correct": pack_answers(right),
            "grad_cam": None,
            "losses": [1.0],
            "seconds": 1.0,
            "peak_bytes": 1,
            "predicted_peak_bytes": 1,
            **changed.pop("trial", {}),
        },
    } | changed


def evaluation(dataset: str, accuracy: float, trials: int = 3, **changed: Any) -> Evaluation:
    rows = merge_trials(
        trial(dataset, arm, architecture, number, accuracy + 0.2 * (arm == "ladd"), **changed)
        for arm in ("baseline", "ladd")
        for architecture in ("ConvNetD3", "VGG11")
        for number in range(trials)
    )
    known = {"source_dataset": SOURCE, "test_images": IMAGES, "comparisons": []}
    return Evaluation(rows=rows, summary=summaries(rows), **known)


def test_rows_stand_beside_each_other_by_arm_and_architecture() -> None:
    found = compare_jobs({job: evaluation(dataset, 0.4) for job, dataset in zip(JOBS, SETS, strict=True)})
    places = [(row.arm, row.architecture, row.job) for row in found.rows]
    assert places[:6] == [("baseline", name, job) for name in ("ConvNetD3", "VGG11") for job in JOBS]
    assert places[6:9] == [("baseline", None, job) for job in JOBS]
    assert len(places) == 2 * 3 * 3
    assert {row.trials for row in found.rows} == {3, None}


def test_a_difference_is_that_of_a_reports_comparison() -> None:
    """The arm of the second job, as if it were an arm of the first one's evaluation."""
    first, second = evaluation(SETS[0], 0.3), evaluation(SETS[1], 0.5)
    found = compare_jobs({JOBS[0]: first, JOBS[1]: second})
    as_arm = [
        row.model_copy(update={"dataset": SETS[0], "arm": "ladd"}) for row in second.rows if row.arm == "baseline"
    ]
    reported = compare_arms([*(row for row in first.rows if row.arm == "baseline"), *as_arm], IMAGES)
    ours = [each for each in found.differences if each.arm == "baseline"]
    assert [each.architecture for each in ours] == ["ConvNetD3", "VGG11", None]
    for each, told in zip(ours, reported, strict=True):
        same = {"architecture", "difference", "ci95", "trials_ci95", "p_value", "adjusted_p", "verdict"}
        assert each.model_dump(include=same) == told.model_dump(include=same)
        assert (each.job, each.minus, each.dataset, each.minus_dataset) == (JOBS[1], JOBS[0], SETS[1], SETS[0])
    assert {each.verdict for each in ours} == {"better"}


def test_two_trials_have_no_interval() -> None:
    found = compare_jobs({JOBS[0]: evaluation(SETS[0], 0.3, 2), JOBS[1]: evaluation(SETS[1], 0.5, 2)})
    assert {(each.ci95, each.p_value, each.verdict) for each in found.differences} == {(None, None, "too few trials")}


def test_notes_say_in_what_jobs_are_not_alike() -> None:
    other = evaluation(SETS[0], 0.3, epochs=20, recipe={"name": "mtt"}, trial={"reused_from": JOBS[0]})
    epochs, recipes, shared = compare_jobs({JOBS[0]: evaluation(SETS[0], 0.3), JOBS[1]: other}).notes
    assert epochs == f"The jobs have different numbers of epochs: {JOBS[0]}: 10; {JOBS[1]}: 20."
    assert "different recipes" in recipes
    assert "share trials" in shared


def test_other_images_are_not_compared() -> None:
    other = evaluation(SETS[1], 0.3).model_copy(update={"source_dataset": SETS[2]})
    with pytest.raises(ValueError, match="only evaluations on the same images"):
        compare_jobs({JOBS[0]: evaluation(SETS[0], 0.3), JOBS[1]: other})
