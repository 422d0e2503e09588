"""The report over the results of single trials, and what progressive views add to it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.curve_table import curve_tables
from api_schemas.evaluation import Report
from api_schemas.runner import RunnerTask, TaskType
from method.normalizations import NORMALIZATIONS
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


@pytest.mark.parametrize(("test", "notes"), [("glad_wp", 1), ("imagenet", 0), (None, 0)])
def test_test_images_normalised_as_glads_decoded_ones_are_told_of(tmp_path: Path, test: str | None, notes: int) -> None:
    """None: a trial of a version that did not note it."""
    found = documents("evaluate", "baseline", "ViT", [50.0, 51.0])
    if test is not None:
        mean, std = NORMALIZATIONS[test]
        recipe = found["evaluate:baseline:ViT:0"]["row"]["recipe"]
        recipe["normalization"] = {"test": {"mean": list(mean), "std": list(std)}}
        found.pop("evaluate:baseline:ViT:1")
    assert sum("test_normalization as_published" in note for note in reported(found, tmp_path).notes) == notes


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
    assert drawn == ["accuracy.png", "deployment_cost.png", "paired_differences.png", "per_class.png"]


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


def test_fewer_epochs_are_a_curve_and_no_part_of_the_mean(tmp_path: Path) -> None:
    found = documents("evaluate", "baseline", "ViT", [50.0, 51.0]) | documents("evaluate", "ladd", "ViT", [60.0, 61.0])
    for name, document in list(found.items()):
        found[f"{name}:e5"] = {"row": document["row"] | {"epochs": 5, "flops": 5 * 10**8}}
    report = reported(found, tmp_path)
    assert report.evaluation is not None
    assert [(row.epochs, row.in_summary) for row in report.evaluation.rows] == 2 * [(10, True)] + 2 * [(5, False)]
    assert [(each.arm, each.k) for each in report.evaluation.summary] == [("baseline", 1), ("ladd", 1)]
    assert len(report.evaluation.comparisons) == 2
    assert "10 epochs; the paper has 1,000: networks may be far from converged." in report.notes
    assert any(note.startswith("Rows of 5 epochs are points of the curve") for note in report.notes)
    (table,) = curve_tables(report.evaluation)
    assert table.title == f"Accuracy in % at the PFLOP of one trial, by its epochs, {SET}"
    assert table.header == ["architecture, arm", "5 epochs", "10 epochs"]
    assert table.rows == [
        ["ViT, baseline", "50.50 at 5e-07", "50.50 at 1e-06"],
        ["ViT, LADD", "60.50 at 5e-07", "60.50 at 1e-06"],
    ]
    without = report.evaluation.model_copy(update={"rows": report.evaluation.rows[:2]})
    assert list(curve_tables(without)) == []


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
    answers = {"image": 0, "label": 0, "classes": [0], "epochs": [7, 8], "probabilities": [[0.5], [0.75]]}
    labelling = LABELLED | {"example": answers}
    found["generate_labels:n3-r0.5-e7"] = {"storage": storage, "flops": 10, "labelling": labelling}
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
    assert (tmp_path / "outputs" / "example_answers.png").exists()
