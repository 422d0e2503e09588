"""Gather the findings of a job's tasks into its report. Needs no torch but to count the bytes of another set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from api_schemas.datasets import Normalization
from api_schemas.evaluation import Evaluation, EvaluationRow, FlopCount, Report, SweepPoint
from api_schemas.labelers import Labeler
from api_schemas.labelling import ExampleAnswers, Labelling
from api_schemas.report_inputs import ReportInput
from api_schemas.runner import DoneEvent, RunnerTask
from api_schemas.scores import Score
from api_schemas.storage import Storage
from method.files import VAL_IMAGES
from workers.ladd.evaluation.comparisons import compare_arms
from workers.ladd.evaluation.rows import merge_trials, summaries
from workers.ladd.evaluation.scores import scores
from workers.ladd.figures import FIGURES
from workers.ladd.figures.found import Found, Preparation
from workers.ladd.sets.stored_set import load_distilled
from workers.runner.report_notes import notes_of
from workers.runner.reporter import Reporter
from workers.runner.versions import hardware, versions

TRAININGS = ("evaluate:", "confirm:")
"""How the names of tasks begin that train and test a network."""


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """The result carries the report, whose cost, figures and paper the service fills in, and the figures' numbers.

    That of a job that has not ended has no figures; `partial` says how many of its trials have.
    """
    params = task.params
    progress = report.stage("report", "reports")
    progress(0, 1)
    found = _found(task, folder)
    whole = Report(
        job=params["job"],
        kind=params["kind"],
        params=params["params"],
        complete="partial" not in params,
        trials=params.get("partial", []),
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
        scores=_scores(found),
    )
    figures = [] if "partial" in params else _draw(found, folder)
    progress(1, 1)
    files = [f"{figure['name']}.png" for figure in figures]
    return DoneEvent(event="done", files=files, result={"report": whole.model_dump(mode="json"), "figures": figures})


def _found(task: RunnerTask, folder: Path) -> Found:
    params, documents = task.params, task.documents
    labelled = documents.get("generate_labels")
    own = ["generate_labels", *(point["task"] for point in params["points"])]
    labellings = [document for name, document in documents.items() if name.startswith("generate_labels")]
    labelers = [Labeler.model_validate(document) for name, document in documents.items() if name.startswith("labeler_")]
    trials = [document["row"] for name, document in documents.items() if name.startswith(TRAININGS)]
    rows = merge_trials(trial for trial in trials if trial is not None)
    flops = FlopCount(
        labelling=sum(document["flops"] for document in labellings) if labellings else None,
        labeler_training=_training_flops(labelers),
        deployment=sum(row.flops for row in rows) if rows else None,
    )
    images = task.inputs.get("source", {}).get(VAL_IMAGES)
    return Found(
        evaluation=_evaluation(rows, params) if rows else None,
        labelling=Labelling.model_validate(labelled["labelling"]) if labelled else None,
        example=_example([documents[name] for name in own if name in documents]),
        storage=_storage(labelled["storage"], task, folder) if labelled else None,
        flops=flops,
        labelers=labelers,
        points=[_point(point, documents[point["task"]], labelers) for point in params["points"]],
        preparations=_preparations(task, labelers),
        test_images=np.load(folder / images, mmap_mode="r", allow_pickle=False) if images else None,
        inputs=[ReportInput.model_validate(known) for known in params["inputs"]],
        progressive=any(name.startswith("confirm:") for name in documents),
    )


def _example(labellings: Sequence[Mapping[str, Any]]) -> ExampleAnswers | None:
    """The answers at most epochs: where labels were written before, not all of them know each epoch."""
    known = [Labelling.model_validate(document["labelling"]).example for document in labellings]
    return max((each for each in known if each), key=lambda each: len(each.epochs), default=None)


def _preparations(task: RunnerTask, labelers: Sequence[Labeler]) -> list[Preparation]:
    """What sets took before deployment; of those labelled by this job their tasks know it.

    Labelers of other seeds than the first are no part of the method's price.
    """
    planned = task.params.get("preparations")
    if planned is None:  # By an earlier version, for the sets of one distillation.
        earlier = task.params["distillation"] or {"sets": []}
        planned = [
            {"dataset": dataset, "distillation": earlier["flops"], "labelled_by": "generate_labels"}
            for dataset in earlier["sets"]
        ]
    found = []
    for each in planned:
        if (name := each.get("labelled_by")) is not None:
            used = _labelers_of(task.documents[name])
            training = _training_flops([labeler for labeler in labelers if labeler.id in used])
            labels = {"labelling": task.documents[name]["flops"], "labeler_training": training}
        else:
            labels = {part: each[part] for part in ("labelling", "labeler_training")}
        found.append(Preparation(each["dataset"], each["distillation"], **labels))
    return found


def _storage(found: Mapping[str, Any], task: RunnerTask, folder: Path) -> Storage:
    """The counted bytes, with those of the set of one image more per class where one was evaluated."""
    storage = Storage.model_validate(found)
    files = task.inputs.get("plus")
    if files is None:
        return storage
    from workers.ladd.archive.storage import counted, plain_bytes  # torch, without which most reports are made

    normalization = Normalization.model_validate(task.documents["plus"]["stats"]["normalization"])
    stored = load_distilled({name: folder / path for name, path in files.items()})
    labels = stored.labels if stored.soft_labels is None else stored.soft_labels
    plus = plain_bytes(stored.images, labels, normalization.carried)
    return storage.model_copy(update={"plus": counted(storage.paper.plain_bytes, plus)})


def _training_flops(labelers: Sequence[Labeler]) -> int | None:
    """The FLOPs of those that were trained here; None where nobody counted any."""
    counted = [labeler.flops for labeler in labelers if labeler.flops is not None]
    return sum(counted) if counted else None


def _labelers_of(labelled: Mapping[str, Any]) -> set[str]:
    return {used["labeler"] for used in labelled["labelling"]["labelers"]}


def _evaluation(rows: list[EvaluationRow], params: Mapping[str, Any]) -> Evaluation:
    """Rows with all that follows from them; without a k-CAE for arms that lack architectures of those planned."""
    k = len({row["architecture"] for row in params.get("partial", ())})
    summary = [each for each in summaries(rows) if each.k >= k]
    whole = {(each.dataset, each.arm) for each in summary}
    compared = compare_arms(rows, params["test_images"])
    return Evaluation(
        source_dataset=params["source_dataset"],
        test_images=params["test_images"],
        rows=rows,
        summary=summary,
        comparisons=[each for each in compared if each.architecture or (each.dataset, each.arm) in whole],
    )


def _scores(found: Found) -> list[Score]:
    """Scores by architecture, and means over the architectures of arms that have a k-CAE."""
    whole = {(each.dataset, each.arm) for each in found.summary}
    return [each for each in scores(found.rows) if each.architecture or (each.dataset, each.arm) in whole]


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
