"""Gather what a job's tasks found into its report. Needs no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from api_schemas.evaluation import (
    Comparison,
    Evaluation,
    EvaluationRow,
    EvaluationSummary,
    FlopCount,
    Report,
    Storage,
    SweepPoint,
)
from api_schemas.labelers import Labeler
from api_schemas.labelling import Labelling
from api_schemas.runner import DoneEvent, RunnerTask
from method.arms import ARMS
from workers.ladd.archive.storage_notes import storage_notes
from workers.ladd.evaluation.comparisons import compare_with_baseline
from workers.ladd.evaluation.progressive import open_question
from workers.ladd.evaluation.rows import Row, accuracies, merge_trials
from workers.ladd.evaluation.statistics import cae
from workers.ladd.figures import FIGURES
from workers.ladd.figures.found import Found
from workers.ladd.figures.png import write_png
from workers.runner.reporter import Reporter
from workers.runner.versions import hardware, versions

TRAININGS = ("evaluate:", "confirm:")
"""How the names of tasks begin that train and test a network."""


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """The result carries the report, whose cost, figures and paper the service fills in, and the figures' numbers."""
    params, documents = task.params, task.documents
    progress = report.stage("report", "reports")
    progress(0, 1)
    labelling = documents.get("generate_labels")
    labellings = [found for name, found in documents.items() if name.startswith("generate_labels")]
    labelers = [Labeler.model_validate(document) for name, document in documents.items() if name.startswith("labeler_")]
    trials = [document["row"] for name, document in documents.items() if name.startswith(TRAININGS)]
    rows = merge_trials(trial for trial in trials if trial is not None)
    progressive = any(name.startswith("confirm:") for name in documents)
    evaluation = _evaluation(rows, params["source_dataset"], params["test_images"]) if rows else None
    storage = Storage.model_validate(labelling["storage"]) if labelling else None
    trained = [labeler.flops for labeler in labelers if labeler.flops is not None]
    labelled = Labelling.model_validate(labelling["labelling"]) if labelling else None
    flops = FlopCount(
        labelling=sum(found["flops"] for found in labellings) if labellings else None,
        labeler_training=sum(trained) if trained else None,
        deployment=sum(row["flops"] for row in rows) if rows else None,
    )
    whole = Report(
        job=params["job"],
        kind=params["kind"],
        params=params["params"],
        evaluation=evaluation,
        labelling=labelled,
        storage=storage,
        flops=flops,
        cost=None,
        versions=versions(),
        hardware=hardware(),
        notes=[
            *_labelling_notes(labelled),
            *_notes(evaluation),
            *(storage_notes(storage.encoding, labelling["storage"]["encodings"]) if storage and labelling else []),
            *(_decisions(rows) if progressive else []),
        ],
        figures=[],
        points=_points(params["points"], documents, labelers),
        paper=[],
    )
    found = _found(task, folder, rows, labelers[0] if len(labelers) == 1 else None, whole)
    figures = _draw(found, folder)
    progress(1, 1)
    files = [f"{figure['name']}.png" for figure in figures]
    return DoneEvent(event="done", files=files, result={"report": whole.model_dump(mode="json"), "figures": figures})


def _points(
    points: Sequence[Mapping[str, Any]], documents: Mapping[str, Any], labelers: Sequence[Labeler]
) -> list[SweepPoint]:
    """What a sweep found out about each of its points besides the rows."""
    epochs = {row.epoch: row for labeler in labelers for row in labeler.epochs}
    shown = []
    for point in points:
        labelled, row = documents[point["task"]], epochs.get(point["epoch"])
        shown.append(
            SweepPoint(
                **{field: point[field] for field in ("dataset", "n", "ratio", "epoch")},
                labeler_val_accuracy=row.val_accuracy if row else None,
                labeler_mean_entropy=row.mean_entropy if row else None,
                agreement=labelled["labelling"]["agreement"]["agreement"],
                overhead=labelled["storage"]["paper"]["overhead"],
            )
        )
    return shown


def _found(task: RunnerTask, folder: Path, rows: list[Row], labeler: Labeler | None, report: Report) -> Found:
    took = task.params["distillation"]
    epochs = [epoch.model_dump() for epoch in labeler.epochs] if labeler else []
    images = task.inputs.get("source", {}).get("val_images.npy")
    return Found(
        rows,
        epochs,
        np.load(folder / images, mmap_mode="r", allow_pickle=False) if images else None,
        [point.model_dump() for point in report.points],
        [summary.model_dump() for summary in report.evaluation.summary] if report.evaluation else [],
        preparation=took
        and {
            "distillation": took["flops"],
            "labelling": task.documents["generate_labels"]["flops"],
            "labeler_training": report.flops.labeler_training,
        },
        own_sets=took["sets"] if took else [],
    )


def _draw(found: Found, folder: Path) -> list[dict[str, Any]]:
    """Write every figure that there are numbers for; returns their names, titles and numbers."""
    figures = []
    for name, kind in FIGURES.items():
        data = kind.collect(found)
        if data is not None:
            write_png(kind, data, found, folder / "outputs" / f"{name}.png")
            figures.append({"name": name, "title": kind.title, "data": data})
    return figures


def _evaluation(rows: list[Row], source_dataset: str, test_images: int) -> Evaluation:
    arms = list(dict.fromkeys((row["dataset"], row["arm"]) for row in rows))
    return Evaluation(
        source_dataset=source_dataset,
        test_images=test_images,
        rows=[EvaluationRow.model_validate(row) for row in rows],
        summary=[_summary(dataset, arm, rows) for dataset, arm in arms],
        comparisons=[Comparison.model_validate(found) for found in compare_with_baseline(rows, test_images)],
    )


def _summary(dataset: str, arm: str, rows: list[Row]) -> EvaluationSummary:
    mine = [row for row in rows if (row["dataset"], row["arm"]) == (dataset, arm) and row["in_summary"]]
    return EvaluationSummary.model_validate({"dataset": dataset, **cae(mine)})


def _labelling_notes(labelling: Labelling | None) -> list[str]:
    """Where the labels are not the paper's, and what looks wrong with them."""
    if labelling is None:
        return []
    notes = list(labelling.warnings)
    for used in labelling.labelers:
        if used.candidates is not None:
            notes.append(
                f"{used.labeler}: epoch {used.epoch} at temperature {used.temperature:.3g} had the lowest "
                f"cross-entropy on views of {used.held_out_images:,} images of source.train that its training held out."
            )
        elif used.temperature != 1:
            notes.append(f"{used.labeler}: temperature {used.temperature:.3g}; the paper's labels have 1.")
    return notes


def _notes(evaluation: Evaluation | None) -> list[str]:
    """What a reader must know before quoting a number of this very report."""
    if evaluation is None:
        return []
    notes = [
        "Accuracies are those of the last epoch, on the source set's val split.",
        "std has ddof 0; ci95 of a row covers trial noise only, that of a comparison test images as well.",
    ]
    trials = min(len(row.trials) for row in evaluation.rows)
    if trials < 5:
        notes.append(f"{trials} trial(s) per row; the paper has 5.")
    epochs = {row.epochs for row in evaluation.rows}
    if min(epochs) < 1000:
        notes.append(f"{min(epochs)} epochs; the paper has 1,000: networks may be far from converged.")
    on_views = [row for row in evaluation.rows if ARMS[row.arm].views]
    if any(row.recipe["reduction"] == "sum" and row.recipe["views"] != "pool" for row in on_views):
        notes.append(
            "reduction 'sum' weighs the views as Eq. 5 does, which also acts like a larger learning rate: "
            "part of a difference between the arms may be step size."
        )
    caes = [found for found in evaluation.comparisons if found.architecture is None]
    return [*_divergences(evaluation), *notes, *(_verdict(found, evaluation) for found in caes), *_step_size(caes)]


def _divergences(evaluation: Evaluation) -> list[str]:
    """Which rows have trials that diverged: left out they would flatter the arm, unmentioned they would mislead."""
    notes = []
    for row in evaluation.rows:
        diverged = [str(trial.trial) for trial in row.trials if None in trial.losses]
        if diverged:
            notes.append(
                f"DIVERGED: {len(diverged)} of {len(row.trials)} trial(s) of {row.architecture} with {row.arm} on "
                f"{row.dataset} (number {', '.join(diverged)}): their loss was not finite, and the mean of this row, "
                "the k-CAE and the comparisons contain the accuracy of a broken network. Try a smaller lr."
            )
    return notes


def _step_size(caes: list[Comparison]) -> list[str]:
    """How much of what LADD gains the baseline gains by its learning rate alone."""
    gains = {(found.dataset, found.arm): found.difference for found in caes}
    return [
        f"Step size on {dataset}: ladd gains {gain:+.2f} points over the baseline; at the learning rate that suits it, "
        f"chosen on images of source.train, the baseline alone gains {gains[dataset, 'baseline_best_lr']:+.2f}."
        for (dataset, arm), gain in gains.items()
        if arm == "ladd" and (dataset, "baseline_best_lr") in gains
    ]


def _verdict(found: Comparison, evaluation: Evaluation) -> str:
    """What the k-CAE of an arm says, and for which architectures the answer is open."""
    mine = [other for other in evaluation.comparisons if (other.dataset, other.arm) == (found.dataset, found.arm)]
    each = [other for other in mine if other.architecture is not None]
    open_for = [str(other.architecture) for other in each if other.verdict == "no evidence"]
    ending = "no evidence of a difference" if found.verdict == "no evidence" else found.verdict
    alone = f"; no evidence for {', '.join(open_for)} alone" if open_for and len(each) > 1 else ""
    return (
        f"{found.arm} minus baseline on {found.dataset}, {len(each)}-CAE: {found.difference:+.2f} points "
        f"(95 % interval {found.ci95[0]:+.2f} to {found.ci95[1]:+.2f}, trials and test images): {ending}{alone}."
    )


def _decisions(rows: list[Row]) -> list[str]:
    """What the cheap trials of progressive views decided about each set and architecture, as was decided then."""
    baselines = {(row["dataset"], row["architecture"]): row for row in rows if row["arm"] == "baseline"}
    notes = [
        "Progressive views: ladd was trained with sampled:1 (2 forwards an image and step, a noisier gradient than "
        "full) and again with full only where the paired 95 % interval of ladd minus baseline contained 0."
    ]
    for row in rows:
        if row["arm"] != "ladd" or row["recipe"]["views"] != "sampled:1":
            continue
        baseline = baselines[row["dataset"], row["architecture"]]
        decision = open_question(accuracies(baseline), accuracies(row))
        low, high = decision.ci95
        ending = "open, confirmed with full" if decision.open else "closed, the row quoted is that of sampled:1"
        notes.append(
            f"{row['architecture']} on {row['dataset']}: sampled:1 differs by {decision.mean_difference:+.2f} points "
            f"(95 % interval {low:+.2f} to {high:+.2f}): {ending}."
        )
    return notes
