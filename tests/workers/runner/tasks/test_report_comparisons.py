"""Arms of a report against each other: differences, verdicts, notes and scores."""

from pathlib import Path
from typing import Any

import pytest

from tests.workers.runner.tasks.test_report import SET, documents, reported


def test_an_arm_is_compared_with_the_baseline_and_the_verdict_is_told(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for arm, architecture, accuracies in (
        ("baseline", "ViT", [50.0, 52.0, 51.0]),
        ("ladd", "ViT", [70.0, 72.0, 72.0]),
        ("sub_hard", "ViT", [51.0, 52.0, 50.0]),
        ("baseline", "VGG11", [40.0, 41.0, 42.0]),
        ("ladd", "VGG11", [42.0, 39.0, 43.0]),
        ("sub_hard", "VGG11", [30.0, 31.0, 30.0]),
    ):
        found |= documents("evaluate", arm, architecture, accuracies)
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    told = [(each.arm, each.architecture, each.verdict) for each in report.evaluation.comparisons]
    assert told == [
        ("ladd", "ViT", "better"),
        ("ladd", "VGG11", "no evidence"),
        ("ladd", None, "better"),
        ("sub_hard", "ViT", "no evidence"),
        ("sub_hard", "VGG11", "worse"),
        ("sub_hard", None, "worse"),
    ]
    cae = report.evaluation.comparisons[2]
    assert cae.ci95 is not None
    assert cae.trials_ci95 is not None
    assert cae.difference == pytest.approx((71.333333 - 51 + 41.333333 - 41) / 2)
    assert cae.ci95[0] < cae.trials_ci95[0] < cae.difference < cae.trials_ci95[1] < cae.ci95[1]
    (note,) = [note for note in report.notes if note.startswith("ladd minus baseline")]
    assert "2-CAE: +10.33 points" in note
    assert note.endswith(": better); no evidence for VGG11 alone.")
    (note,) = [note for note in report.notes if "Holm" in note]
    assert note.startswith("6 comparisons with a verdict, 2 of them k-CAE")


def test_architectures_are_adjusted_for_each_other_and_the_mean_is_not(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for architecture, gain in (("ViT", 4.0), ("VGG11", 1.0)):
        found |= documents("evaluate", "baseline", architecture, [50.0, 51.0, 52.0])
        found |= documents("evaluate", "ladd", architecture, [50.0 + gain, 51.0 + gain, 52.0 + gain])
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    vit, vgg, cae = report.evaluation.comparisons
    assert vit.p_value is not None
    assert vgg.p_value is not None
    assert 0.025 < vit.p_value < 0.05
    assert vit.adjusted_p == pytest.approx(2 * vit.p_value)
    assert vgg.adjusted_p == pytest.approx(vgg.p_value)
    assert vit.ci95 is not None
    assert vit.ci95[0] > 0
    assert vit.verdict == "no evidence"
    assert cae.adjusted_p == cae.p_value


@pytest.mark.slow
def test_labelers_that_trials_of_all_architectures_share_widen_the_interval_of_the_k_cae(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for architecture in ("ViT", "VGG11"):
        found |= documents("evaluate", "baseline", architecture, [50.0, 51.0, 52.0])
        found |= documents("evaluate", "ladd", architecture, [50.0, 60.0, 70.0])
    intervals: list[Any] = []
    for labelers in ("000", "012"):
        for name, document in found.items():
            if ":ladd:" in name:
                document["row"]["recipe"]["labels_of"] = "ds_" + 26 * labelers[int(name[-1])]
        (tmp_path / labelers).mkdir()
        report = reported(found, tmp_path / labelers)
        assert report.evaluation is not None
        intervals.append([each.trials_ci95 for each in report.evaluation.comparisons])
    # Each architecture alone is as it was; of their mean the variance is that of one trial, not of two.
    assert intervals[0][:2] == intervals[1][:2]
    one, both = (high - low for low, high in (each[2] for each in intervals))
    assert both > 1.5 * one


def test_rows_of_a_recipe_that_is_not_there_any_more_are_reported(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 52.0])
    for document in found.values():
        document["row"]["recipe"]["name"] = "gone"
    assert not any("far from converged" in note for note in reported(found, tmp_path).notes)


def test_trials_of_both_arms_need_not_be_the_same(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 52.0, 51.0, 51.0, 53.0])
    ladd = documents("evaluate", "ladd", "ViT", [0.0, 0.0, 70.0, 72.0, 72.0])
    found |= {name: document for name, document in ladd.items() if document["row"]["trial"]["accuracy"]}
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    alone, cae = report.evaluation.comparisons
    assert alone.difference == pytest.approx(71.333333 - 51.4)
    assert alone.verdict == cae.verdict == "better"


def test_the_part_of_the_step_size_is_told(tmp_path: Path) -> None:
    found = (
        documents("evaluate", "baseline", "ViT", [50.0, 51.0])
        | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
        | documents("evaluate", "baseline_best_lr", "ViT", [54.0, 57.0])
    )
    (note,) = [note for note in reported(found, tmp_path).notes if note.startswith("Step size")]
    assert "ladd gains +10.00 points" in note
    assert note.endswith("the baseline alone gains +5.00.")


def test_the_part_of_the_step_size_has_that_of_ladd_at_its_own(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    arms = {"baseline": 50.0, "ladd": 60.0, "baseline_best_lr": 55.0, "ladd_best_lr": 63.0}
    for arm, accuracy in arms.items():
        found |= documents("evaluate", arm, "ViT", [accuracy, accuracy])
    report = reported(found, tmp_path)
    (note,) = [note for note in report.notes if note.startswith("Step size")]
    assert note.endswith("the baseline alone gains +5.00, and ladd +13.00.")
    assert report.evaluation is not None
    tuned = [each for each in report.evaluation.comparisons if each.minus == "baseline_best_lr"]
    assert [(each.arm, each.architecture, each.difference) for each in tuned] == [
        ("ladd_best_lr", "ViT", 8.0),
        ("ladd_best_lr", None, 8.0),
    ]


def test_ladd_is_compared_with_its_labels_on_real_images(tmp_path: Path) -> None:
    picked = "ds_" + "2" * 26
    found = documents("evaluate", "baseline", "ViT", [50.0, 51.0]) | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
    for name, document in documents(f"evaluate:{picked}", "random_ladd", "ViT", [55.0, 57.0]).items():
        found[name] = {"row": document["row"] | {"dataset": picked}}
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    told = [(each.dataset, each.arm, each.minus, each.architecture) for each in report.evaluation.comparisons]
    assert told == [
        (SET, "ladd", "baseline", "ViT"),
        (SET, "ladd", "baseline", None),
        (picked, "random_ladd", "baseline", "ViT"),
        (picked, "random_ladd", "baseline", None),
        (SET, "ladd", "random_ladd", "ViT"),
        (SET, "ladd", "random_ladd", None),
    ]
    assert report.evaluation.comparisons[-1].difference == pytest.approx(4.5)
    assert any(note.startswith(f"ladd minus random_ladd on {SET}, 1-CAE: +4.50 points") for note in report.notes)
    headline_of = [each for each in report.evaluation.comparisons if each.minus == "baseline" and each.arm == "ladd"]
    assert len(headline_of) == 2


def test_a_report_has_the_scores_of_its_arms(tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    for arm, accuracy in (("baseline", 50.0), ("random", 30.0), ("real", 80.0)):
        found |= documents("evaluate", arm, "ViT", [accuracy])
    report = reported(found, tmp_path)
    assert [(each.name, each.arm, each.architecture) for each in report.scores] == [
        ("LRS", "baseline", "ViT"),
        ("LRS", "baseline", None),
    ]
    assert report.scores[0].score == pytest.approx(0.248192, abs=1e-6)
    assert "Networks that are trained on all real images go through them 10 times." in report.notes


@pytest.mark.parametrize("trials", [1, 2])
def test_too_few_trials_have_a_difference_and_neither_interval_nor_verdict(tmp_path: Path, trials: int) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 52.0, 54.0])
    found |= documents("evaluate", "ladd", "ViT", [60.0, 64.0][:trials])
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    alone, cae = report.evaluation.comparisons
    assert alone.difference == cae.difference == pytest.approx({1: 8.0, 2: 10.0}[trials])
    assert (alone.ci95, alone.trials_ci95, alone.p_value, alone.adjusted_p) == (None, None, None, None)
    assert alone.verdict == cae.verdict == "too few trials"
    assert any(note.endswith("points (too few trials for an interval).") for note in report.notes)
    assert any("per row: too few for an interval, which takes 3" in note for note in report.notes)
    assert not any("Holm" in note for note in report.notes)
