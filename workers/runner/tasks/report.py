"""Gather the findings of a job's tasks into its report. Needs no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from api_schemas.evaluation import (
    Evaluation,
    EvaluationRow,
    FlopCount,
    Report,
    Storage,
    SweepPoint,
)
from api_schemas.labelers import Labeler
from api_schemas.labelling import Labelling
from api_schemas.report_inputs import ReportInput
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import VAL_IMAGES
from workers.ladd.evaluation.comparisons import compare_arms
from workers.ladd.evaluation.rows import merge_trials, summaries
from workers.ladd.evaluation.scores import scores
from workers.ladd.figures import FIGURES
from workers.ladd.figures.found import Found, Preparation
from workers.runner.report_notes import notes_of
from workers.runner.reporter import Reporter
from workers.runner.versions import hardware, versions

TRAININGS = ("evaluate:", "confirm:")
"""How the names of tasks begin that train and test a network."""


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """The result carries the report, whose cost, figures and paper the service fills in, and the figures' numbers."""
    params = task.params
    progress = report.stage("report", "reports")
    progress(0, 1)
    found = _found(task, folder)
    whole = Report(
        job=params["job"],
        kind=params["kind"],
        params=params["params"],
        inputs=list(found.inputs),
        evaluation=found.evaluation,
        labelling=found.labelling,
        storage=found.storage,
        flops=found.flops,
        cost=None,
        versions=versions(),
        hardware=hardware(),
        notes=notes_of(found),
        figures=[],
        points=list(found.points),
        paper=[],
        scores=scores(found.rows),
    )
    figures = _draw(found, folder)
    progress(1, 1)
    files = [f"{figure['name']}.png" for figure in figures]
    return DoneEvent(event="done", files=files, result={"report": whole.model_dump(mode="json"), "figures": figures})


def _found(task: RunnerTask, folder: Path) -> Found:
    params, documents = task.params, task.documents
    labelled = documents.get("generate_labels")
    labellings = [document for name, document in documents.items() if name.startswith("generate_labels")]
    labelers = [Labeler.model_validate(document) for name, document in documents.items() if name.startswith("labeler_")]
    trials = [document["row"] for name, document in documents.items() if name.startswith(TRAININGS)]
    rows = merge_trials(trial for trial in trials if trial is not None)
    flops = FlopCount(
        labelling=sum(document["flops"] for document in labellings) if labellings else None,
        labeler_training=_training_flops(labelers),
        deployment=sum(row.flops for row in rows) if rows else None,
    )
    distillation, images = params["distillation"], task.inputs.get("source", {}).get(VAL_IMAGES)
    return Found(
        evaluation=_evaluation(rows, params["source_dataset"], params["test_images"]) if rows else None,
        labelling=Labelling.model_validate(labelled["labelling"]) if labelled else None,
        storage=Storage.model_validate(labelled["storage"]) if labelled else None,
        flops=flops,
        labelers=labelers,
        points=[_point(point, documents[point["task"]], labelers) for point in params["points"]],
        preparation=distillation
        and Preparation(
            distillation["flops"],
            documents["generate_labels"]["flops"],
            # Of those that labelled this set: labelers of other seeds are no part of the method's price.
            _training_flops([found for found in labelers if found.id in _labelers_of(documents["generate_labels"])]),
            distillation["sets"],
        ),
        test_images=np.load(folder / images, mmap_mode="r", allow_pickle=False) if images else None,
        inputs=[ReportInput.model_validate(known) for known in params["inputs"]],
        progressive=any(name.startswith("confirm:") for name in documents),
    )


def _training_flops(labelers: Sequence[Labeler]) -> int | None:
    """The FLOPs of those that were trained here; None where nobody counted any."""
    counted = [labeler.flops for labeler in labelers if labeler.flops is not None]
    return sum(counted) if counted else None


def _labelers_of(labelled: Mapping[str, Any]) -> set[str]:
    return {used["labeler"] for used in labelled["labelling"]["labelers"]}


def _evaluation(rows: list[EvaluationRow], source_dataset: str, test_images: int) -> Evaluation:
    return Evaluation(
        source_dataset=source_dataset,
        test_images=test_images,
        rows=rows,
        summary=summaries(rows),
        comparisons=compare_arms(rows, test_images),
    )


def _point(point: Mapping[str, Any], labelled: Mapping[str, Any], labelers: Sequence[Labeler]) -> SweepPoint:
    """A point of a sweep with what is known of it besides the rows."""
    row = {row.epoch: row for labeler in labelers for row in labeler.epochs}.get(point["epoch"])
    return SweepPoint(
        **{field: point[field] for field in ("dataset", "n", "ratio", "epoch")},
        labeler_val_accuracy=row.val_accuracy if row else None,
        labeler_mean_entropy=row.mean_entropy if row else None,
        agreement=labelled["labelling"]["agreement"]["agreement"],
        overhead=labelled["storage"]["paper"]["overhead"],
    )


def _draw(found: Found, folder: Path) -> list[dict[str, Any]]:
    """Write every figure that there are numbers for; returns their names, titles and numbers."""
    figures = []
    for name, kind in FIGURES.items():
        data = kind.collect(found)
        if data is not None:
            kind.write_png(data, found, folder / "outputs" / f"{name}.png")
            figures.append({"name": name, "title": kind.title, "data": data})
    return figures
