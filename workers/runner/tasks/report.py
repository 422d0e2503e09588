"""Gather what a job's tasks found into its report. Needs no torch."""

from pathlib import Path
from typing import Any

from api_schemas.evaluation import Evaluation, EvaluationRow, EvaluationSummary, FlopCount, Report, Storage
from api_schemas.labelers import Labeler
from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.statistics import cae
from workers.runner.reporter import Reporter
from workers.runner.versions import hardware, versions


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """The result carries the report and what the job's own result repeats of it."""
    params, documents = task.params, task.documents
    progress = report.stage("report", "reports")
    progress(0, 1)
    labelling = documents.get("generate_labels")
    labeler = Labeler.model_validate(documents["labeler"]) if "labeler" in documents else None
    rows = [
        EvaluationRow.model_validate(document["row"])
        for name, document in documents.items()
        if name.startswith("evaluate:")
    ]
    evaluation = _evaluation(rows, params["source_dataset"], params["test_images"]) if rows else None
    storage = Storage.model_validate(labelling["storage"]) if labelling else None
    flops = FlopCount(
        labelling=labelling["flops"] if labelling else None,
        labeler_training=labeler.flops if labeler else None,
        deployment=sum(row.flops for row in rows) if rows else None,
    )
    whole = Report(
        job=params["job"],
        kind=params["kind"],
        params=params["params"],
        evaluation=evaluation,
        storage=storage,
        flops=flops,
        versions=versions(),
        hardware=hardware(),
        notes=_notes(evaluation),
    )
    progress(1, 1)
    document = whole.model_dump(mode="json")
    result = {key: document[key] for key in ("storage", "flops", "evaluation")}
    return DoneEvent(event="done", files=[], result={"report": document, "result": result})


def _evaluation(rows: list[EvaluationRow], source_dataset: str, test_images: int) -> Evaluation:
    arms = list(dict.fromkeys((row.dataset, row.arm) for row in rows))
    return Evaluation(
        source_dataset=source_dataset,
        test_images=test_images,
        rows=rows,
        summary=[_summary(dataset, arm, rows) for dataset, arm in arms],
    )


def _summary(dataset: str, arm: Any, rows: list[EvaluationRow]) -> EvaluationSummary:
    mine = [row.model_dump(mode="json") for row in rows if (row.dataset, row.arm) == (dataset, arm)]
    return EvaluationSummary.model_validate({"dataset": dataset, **cae(mine)})


def _notes(evaluation: Evaluation | None) -> list[str]:
    """What a reader must know before quoting a number of this very report."""
    if evaluation is None:
        return []
    notes = [
        "Accuracies are those of the last epoch, on the source set's val split.",
        "std has ddof 0; ci95 covers trial noise only, not the choice of test images.",
    ]
    trials = min(len(row.trials) for row in evaluation.rows)
    if trials < 5:
        notes.append(f"{trials} trial(s) per row; the paper has 5.")
    epochs = {row.epochs for row in evaluation.rows}
    if min(epochs) < 1000:
        notes.append(f"{min(epochs)} epochs; the paper has 1,000: networks may be far from converged.")
    ladd = [row for row in evaluation.rows if row.arm == "ladd"]
    if any(row.recipe["reduction"] == "sum" and row.recipe["views"] != "pool" for row in ladd):
        notes.append(
            "reduction 'sum' weighs the views as Eq. 5 does, which also acts like a larger learning rate: "
            "part of a difference between the arms may be step size."
        )
    return notes
