"""The report over the results of single trials, and what progressive views add to it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.evaluation import Report
from api_schemas.runner import RunnerTask, TaskType
from workers.ladd.evaluation.answers import pack_answers
from workers.runner.reporter import Reporter
from workers.runner.tasks.report import run

SET = "ds_" + "0" * 26
CHEAP, WHOLE = "sampled:1", "full"


LABELLED = {
    "labelers": [
        {"labeler": "lb_" + "0" * 26, "epoch": 10, "temperature": 1.0, "held_out_images": None, "candidates": None}
    ],
    "agreement": {
        "images": 2,
        "agreement": 50.0,
        "by_class": [100.0, 0.0],
        "confusion": None,
        "permutation": None,
        "permuted_agreement": None,
    },
    "warnings": [],
}


def trial(arm: str, architecture: str, number: int, accuracy: float, views: str = WHOLE) -> dict[str, Any]:
    return {
        "dataset": SET,
        "arm": arm,
        "architecture": architecture,
        "labels": "hard",
        "epochs": 10,
        "steps": 10,
        "forwards": 200,
        "images_seen": 100,
        "flops": 10**9,
        "recipe": {"name": "glad", "views": views, "reduction": "mean"},
        "rule": "last epoch",
        "trial": {
            "trial": number,
            "seed": number,
            "accuracy": accuracy,
            "per_class_accuracy": [accuracy, None],
            "correct": pack_answers(np.arange(100) < round(accuracy)),
            "grad_cam": None,
            "losses": [1.0] * 10,
            "seconds": 2.0,
            "peak_bytes": 2,
            "predicted_peak_bytes": 3,
        },
    }


def documents(prefix: str, arm: str, architecture: str, accuracies: list[float], views: str = WHOLE) -> dict[str, Any]:
    return {
        f"{prefix}:{arm}:{architecture}:{number}": {"row": trial(arm, architecture, number, accuracy, views)}
        for number, accuracy in enumerate(accuracies)
    }


def reported(
    found: dict[str, Any],
    tmp_path: Path,
    points: list[dict[str, Any]] | None = None,
    inputs: list[dict[str, Any]] | None = None,
) -> Report:
    (tmp_path / "outputs").mkdir()
    params = {"job": "job_" + "0" * 26, "kind": "evaluate", "params": {}, "source_dataset": SET, "test_images": 100}
    params |= {"points": points or [], "distillation": None, "inputs": inputs or []}
    task = RunnerTask(type=TaskType.REPORT, params=params, inputs={}, documents=found, device="cpu", threads=1)
    done = run(task, tmp_path, Reporter(io.BytesIO()))
    return Report.model_validate(done.result["report"])


def source(share: float) -> dict[str, Any]:
    """A source set, the labelled one's stand-in for its name, of whose test images so many percent are of one class."""
    known = {"id": SET, "name": "digits", "role": "source", "made_here": False, "warnings": [], "classes": None}
    return known | {"largest_class": "zero", "largest_share": share}


def test_the_accuracy_of_the_largest_class_is_told_where_it_is_above_chance(tmp_path: Path) -> None:
    report = reported(documents("evaluate", "baseline", "ViT", [90.0, 96.0]), tmp_path, inputs=[source(96.2)])
    [note] = [note for note in report.notes if note.startswith("UNBALANCED")]
    assert "96.2 % of the test images are of class zero, one of 2" in note
    assert "ViT with baseline on digits 93.0 %" in note
    assert SET not in " ".join(report.notes)


def test_a_balanced_test_split_has_no_such_note(tmp_path: Path) -> None:
    report = reported(documents("evaluate", "baseline", "ViT", [90.0]), tmp_path, inputs=[source(50.0)])
    assert not [note for note in report.notes if note.startswith("UNBALANCED")]
    assert [each.name for each in report.inputs] == ["digits"]


def test_what_came_before_deployment_is_drawn_where_the_distillation_is_known(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    params = {"job": "job_" + "0" * 26, "kind": "ladd", "params": {}, "source_dataset": SET, "test_images": 100}
    params |= {"points": [], "distillation": {"flops": 1e12, "sets": [SET]}, "inputs": []}
    found = documents("evaluate", "baseline", "ViT", [50.0]) | documents("evaluate", "ladd", "ViT", [60.0])
    count = {"plain_bytes": 4, "augmented_bytes": 5, "overhead": 0.25}
    storage: dict[str, Any] = dict.fromkeys(("paper", "raw", "stored"), count)
    storage |= {"encoding": "float32", "full_labels_bytes": 4, "encodings": []}
    found["generate_labels"] = {"flops": 7, "labelling": LABELLED, "storage": storage}
    task = RunnerTask(type=TaskType.REPORT, params=params, inputs={}, documents=found, device="cpu", threads=1)
    [figure] = [
        figure
        for figure in run(task, tmp_path, Reporter(io.BytesIO())).result["figures"]
        if figure["name"] == "preparation_cost"
    ]
    assert [(point["arm"], point["flops"]) for point in figure["data"]["points"]] == [
        ("baseline", 1e12),
        ("ladd", 1e12 + 7),
    ]


def test_trials_become_rows_with_their_spread(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 52.0]) | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    assert [(row.arm, row.mean, row.std, len(row.trials)) for row in report.evaluation.rows] == [
        ("baseline", 51.0, 1.0, 2),
        ("ladd", 60.5, 0.5, 2),
    ]
    assert report.evaluation.rows[0].trials[1].peak_bytes == 2
    assert [(summary.arm, summary.k, summary.cae_mean) for summary in report.evaluation.summary] == [
        ("baseline", 1, 51.0),
        ("ladd", 1, 60.5),
    ]
    assert report.flops.deployment == 4 * 10**9
    assert not any("Progressive" in note for note in report.notes)
    drawn = sorted(path.name for path in (tmp_path / "outputs").iterdir())
    assert drawn == ["accuracy.png", "deployment_cost.png", "paired_differences.png"]


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
    assert cae.difference == pytest.approx((71.333333 - 51 + 41.333333 - 41) / 2)
    assert cae.ci95[0] < cae.trials_ci95[0] < cae.difference < cae.trials_ci95[1] < cae.ci95[1]
    (note,) = [note for note in report.notes if note.startswith("ladd minus baseline")]
    assert "2-CAE: +10.33 points" in note
    assert note.endswith("better; no evidence for VGG11 alone.")


def test_a_trial_that_diverged_is_named_before_all_else(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 10.0]) | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
    found["evaluate:baseline:ViT:1"]["row"]["trial"]["losses"] = [1.0, None]
    first, *others = reported(found, tmp_path).notes
    assert first.startswith(f"DIVERGED: 1 of 2 trials of ViT with baseline on {SET} (number 1)")
    assert not any("DIVERGED" in note for note in others)


def test_a_loss_with_a_temperature_is_told_with_the_epochs_of_its_recipe(tmp_path: Path) -> None:
    rows = documents("evaluate", "ladd", "ViT", [50.0])
    rows["evaluate:ladd:ViT:0"]["row"]["recipe"] |= {"name": "rded", "temperature": 20.0}
    notes = reported(rows, tmp_path).notes
    assert "10 epochs; the recipe has 300: networks may be far from converged." in notes
    assert any(note.startswith("Loss at temperature 20: ") for note in notes)


def test_the_papers_epochs_are_those_of_the_other_recipes(tmp_path: Path) -> None:
    notes = reported(documents("evaluate", "ladd", "ViT", [50.0]), tmp_path).notes
    assert "10 epochs; the paper has 1,000: networks may be far from converged." in notes
    assert not any("temperature" in note for note in notes)


def test_the_part_of_the_step_size_is_told(tmp_path: Path) -> None:
    found = (
        documents("evaluate", "baseline", "ViT", [50.0, 51.0])
        | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
        | documents("evaluate", "baseline_best_lr", "ViT", [54.0, 57.0])
    )
    (note,) = [note for note in reported(found, tmp_path).notes if note.startswith("Step size")]
    assert "ladd gains +10.00 points" in note
    assert note.endswith("the baseline alone gains +5.00.")


def test_without_a_second_trial_nothing_is_compared(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0]) | documents("evaluate", "ladd", "ViT", [60.0])
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    assert report.evaluation.comparisons == []


def test_large_labels_get_a_note_that_advises_an_encoding(tmp_path: Path) -> None:
    count = {"plain_bytes": 1000, "augmented_bytes": 1660, "overhead": 0.66}
    shared = {"overhead_raw": 0.6, "overhead_jpeg": 4.0, "total_variation": 0.0}
    encodings = [
        {"encoding": "float32", "bytes": 660, "overhead_zipped": 0.66, "kl": 0.0, **shared},
        {"encoding": "uint8", "bytes": 140, "overhead_zipped": 0.14, "kl": 1e-4, **shared},
    ]
    storage = {"paper": count, "raw": count, "stored": count, "encoding": "float32", "encodings": encodings}
    labelling = {"storage": storage | {"full_labels_bytes": 4}, "flops": 10, "labelling": LABELLED}
    report = reported({"generate_labels": labelling}, tmp_path)
    assert report.storage is not None
    assert report.notes == [
        "float32 dense labels add +66% to the zipped images (+400% to JPEG files); uint8 would add +14% at a mean KL "
        "of 0.0001 nats. It is the smallest of those compared whose mean KL to float32 is at most 0.01 nats, which "
        "counts as noise."
    ]


@pytest.fixture
def progressive(tmp_path: Path) -> Report:
    """ViT was decided by the cheap trials, VGG11 was not."""
    closed = {f"confirm:ladd:ViT:{n}": {"row": None, "decision": {"open": False}} for n in range(3)}
    found = (
        documents("evaluate", "baseline", "ViT", [50.0, 51.0, 52.0])
        | documents("evaluate", "ladd", "ViT", [60.0, 61.0, 62.5], CHEAP)
        | documents("evaluate", "baseline", "VGG11", [50.0, 51.0, 52.0])
        | documents("evaluate", "ladd", "VGG11", [52.0, 50.0, 53.0], CHEAP)
        | closed
        | documents("confirm", "ladd", "VGG11", [54.0, 55.0, 56.0])
    )
    return reported(found, tmp_path)


def test_every_row_is_shown_and_the_confirmed_one_is_quoted(progressive: Report) -> None:
    assert progressive.evaluation is not None
    rows = [row for row in progressive.evaluation.rows if row.arm == "ladd"]
    assert [(row.architecture, row.recipe["views"], row.in_summary) for row in rows] == [
        ("ViT", CHEAP, True),
        ("VGG11", CHEAP, False),
        ("VGG11", WHOLE, True),
    ]
    summary = progressive.evaluation.summary[1]
    assert (summary.arm, summary.k) == ("ladd", 2)
    assert summary.cae_mean == pytest.approx((61.1666667 + 55.0) / 2)
    # All that was trained is counted, what is not quoted as well.
    assert progressive.flops.deployment == 15 * 10**9


def test_the_notes_say_what_was_decided_and_why(progressive: Report) -> None:
    rule, vit, vgg = [note for note in progressive.notes if CHEAP in note]
    assert "noisier" in rule
    assert vit == (
        f"ViT on {SET}: sampled:1 differs by +10.17 points (95 % interval +9.45 to +10.88): "
        "closed, the row quoted is that of sampled:1."
    )
    assert vgg == (
        f"VGG11 on {SET}: sampled:1 differs by +0.67 points (95 % interval -3.13 to +4.46): open, confirmed with full."
    )


def test_a_sweep_reports_its_points_and_compares_them_with_the_plain_baseline(tmp_path: Path) -> None:
    made = "ds_" + "1" * 26
    count = {"plain_bytes": 1000, "augmented_bytes": 1025, "overhead": 0.025}
    storage = {"paper": count, "raw": count, "stored": count, "encoding": "float32", "full_labels_bytes": 4}
    found = documents("evaluate", "baseline", "ViT", [50.0, 51.0, 52.0])
    for name, document in documents(f"evaluate:{made}", "ladd", "ViT", [70.0, 71.0, 72.0]).items():
        found[name] = {"row": document["row"] | {"dataset": made}}
    found["generate_labels:n3-r0.5-e7"] = {"storage": storage, "flops": 10, "labelling": LABELLED}
    point = {"task": "generate_labels:n3-r0.5-e7", "dataset": made, "n": 3, "ratio": 0.5, "epoch": 7}
    report = reported(found, tmp_path, [point])
    assert [found.model_dump() for found in report.points] == [
        {
            "dataset": made,
            "n": 3,
            "ratio": 0.5,
            "epoch": 7,
            "labeler_val_accuracy": None,
            "labeler_mean_entropy": None,
            "agreement": 50.0,
            "overhead": 0.025,
        }
    ]
    assert report.evaluation is not None
    assert {(each.dataset, each.arm, each.verdict) for each in report.evaluation.comparisons} == {
        (made, "ladd", "better")
    }
    assert report.flops.labelling == 10
    assert (tmp_path / "outputs" / "sweep.png").exists()
