"""A report in the trackers of experiments that people already use: TensorBoard, MLflow and Weights & Biases.

Each has a run for the job, for every row of its evaluation and for every trial: recipes are parameters, accuracies
metrics, losses curves. Each tool is an extra: `pip install "ladd-client[tensorboard]"`, `[mlflow]`, `[wandb]`.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from api_schemas.evaluation import EvaluationRow, Report, TrialRow
from ladd_client.errors import ClientError

Param = str | int | float | bool


class Tracker(StrEnum):
    """A tool that tracks experiments."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"
    WANDB = "wandb"


class ExportError(ClientError):
    """A report has nothing to export, is at the place already, or the package for its tracker is not installed."""


@dataclass(frozen=True)
class Run:
    """`name` is that of its parent, a slash, and its own; the job's is its id. `kind`: `job`, `row` or `trial`.

    `metrics` are accuracies in percent and counts, `losses` the mean training loss by epoch, counted from 1 and without
    those that were not finite, `notes` what a reader must know before quoting a number.
    """

    name: str
    kind: str
    params: Mapping[str, Param]
    metrics: Mapping[str, float]
    losses: Mapping[int, float] = field(default_factory=dict)
    notes: str = ""

    @property
    def parent(self) -> str | None:
        """The name of the run that this one is a part of; None: it is the job's."""
        return None if self.kind == "job" else self.name.rpartition("/")[0]


def runs_of(report: Report) -> Iterator[Run]:
    """Yield the runs of a report, each after its parent. Raises `ExportError` for a job without an evaluation."""
    evaluation = report.evaluation
    if evaluation is None:
        raise ExportError(f"{report.job} has no evaluation, so there is nothing to export")
    several = {
        field: len({_told(row)[field] for row in evaluation.rows}) > 1 for field in ("dataset", "views", "epochs")
    }
    metrics: dict[str, float] = {}
    for each in evaluation.summary:
        about = f"{each.arm}/{each.dataset}" if several["dataset"] else each.arm
        metrics |= {f"cae_mean/{about}": each.cae_mean, f"cae_std/{about}": each.cae_std}
    for pair in evaluation.comparisons:
        if pair.architecture is None:
            about = f"{pair.arm}-{pair.minus}" + f"/{pair.dataset}" * several["dataset"]
            metrics[f"cae_difference/{about}"] = pair.difference
    about_job = {"job": report.job, "kind": report.kind, "hardware": report.hardware, **report.versions}
    notes = "\n".join(f"- {note}" for note in report.notes)
    yield Run(report.job, "job", about_job, metrics, notes=notes)
    for row in evaluation.rows:
        parts = [row.arm, row.architecture, *(_told(row)[field] for field in several if several[field])]
        name = f"{report.job}/{'-'.join(parts)}"
        params = {"job": report.job, **_params(row)}
        yield Run(name, "row", params, _row_metrics(row))
        for trial in row.trials:
            yield _trial(name, params, trial)


def _told(row: EvaluationRow) -> dict[str, str]:
    """What tells rows of one arm and architecture apart, where it differs."""
    return {"dataset": row.dataset, "views": str(row.recipe.get("views")), "epochs": f"{row.epochs}epochs"}


def _params(row: EvaluationRow) -> dict[str, Param]:
    own = row.model_dump(include={"dataset", "arm", "architecture", "labels", "epochs", "in_summary"})
    return {**own, **dict(_flat("recipe", row.recipe))}


def _flat(name: str, value: Any) -> Iterator[tuple[str, Param]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, value if isinstance(value, str | int | float) else json.dumps(value)


def _row_metrics(row: EvaluationRow) -> dict[str, float]:
    interval = {} if row.ci95 is None else {"accuracy_ci95_low": row.ci95[0], "accuracy_ci95_high": row.ci95[1]}
    counts = {name: float(getattr(row, name)) for name in ("flops", "forwards", "images_seen", "steps", "seconds")}
    return {"accuracy_mean": row.mean, "accuracy_std": row.std, **interval, **counts}


def _trial(row: str, params: Mapping[str, Param], trial: TrialRow) -> Run:
    return Run(
        f"{row}/trial-{trial.trial}",
        "trial",
        {**params, "trial": trial.trial, "seed": trial.seed},
        {"accuracy": trial.accuracy, "seconds": trial.seconds, "peak_bytes": float(trial.peak_bytes)},
        {epoch: loss for epoch, loss in enumerate(trial.losses, 1) if loss is not None},
    )


def to_tensorboard(report: Report, target: str) -> None:
    """Write event files into a folder, `<target>/<job>/<row>/<trial>`: `tensorboard --logdir <target>` shows them.

    Raises `ExportError` where the job is there already, which would show every point twice.
    """
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams

    folder = Path(target)
    if (folder / report.job).exists():
        raise ExportError(f"{folder / report.job} is there already: remove it to export the report again")
    for run in runs_of(report):
        with SummaryWriter(str(folder / run.name)) as writer:
            for epoch, loss in run.losses.items():
                writer.add_scalar("loss", loss, epoch)
            last = max(run.losses, default=0)
            for name, value in run.metrics.items():
                writer.add_scalar(name, value, last)
            if run.notes:
                writer.add_text("notes", run.notes)
            if run.kind == "trial":
                for summary in hparams(dict(run.params), dict(run.metrics)):
                    writer.file_writer.add_summary(summary)


def to_mlflow(report: Report, target: str) -> None:
    """Add the runs to MLflow's experiment `ladd`: in a folder, or wherever a tracking URI (`http://...`) leads.

    Trials are nested in rows, and these in the job. Raises `ExportError` where the job is there already.
    """
    if "://" not in target:
        # MLflow wants to hear that a folder, its oldest store, is meant.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        target = Path(target).resolve().as_uri()
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    runs = list(runs_of(report))
    client = MlflowClient(target)
    found = client.get_experiment_by_name("ladd")
    experiment = client.create_experiment("ladd") if found is None else found.experiment_id
    if client.search_runs([experiment], f"tags.`ladd.run` = '{report.job}'"):
        raise ExportError(f"{report.job} is in {target} already: delete its runs to export the report again")
    ids: dict[str, str] = {}
    for run in runs:
        tags = {"ladd.run": run.name, "ladd.kind": run.kind, "mlflow.note.content": run.notes}
        if run.parent is not None:
            tags["mlflow.parentRunId"] = ids[run.parent]
        made = client.create_run(experiment, run_name=run.name.rpartition("/")[2], tags=tags).info
        last = max(run.losses, default=0)
        points = [Metric("loss", loss, made.start_time, epoch) for epoch, loss in run.losses.items()]
        points += [Metric(name, value, made.start_time, last) for name, value in run.metrics.items()]
        params = [Param(name, str(value)) for name, value in run.params.items()]
        # As much as one call of MLflow's API takes.
        for start in range(0, len(points), 1000):
            client.log_batch(made.run_id, points[start : start + 1000])
        for start in range(0, len(params), 100):
            client.log_batch(made.run_id, params=params[start : start + 100])
        client.set_terminated(made.run_id)
        ids[run.name] = made.run_id


def to_wandb(report: Report, target: str) -> None:
    """Write runs of Weights & Biases into a folder, offline: `wandb sync <target>/wandb/offline-run-*` sends them.

    They are grouped by job. A run has the same id each time, so that it is not there twice when it is sent twice.
    """
    import wandb

    Path(target).mkdir(parents=True, exist_ok=True)
    for run in runs_of(report):
        opened = wandb.init(
            project="ladd",
            id=hashlib.sha256(run.name.encode()).hexdigest()[:16],
            name=run.name.partition("/")[2] or run.name,
            group=report.job,
            job_type=run.kind,
            notes=run.notes,
            config=dict(run.params),
            dir=target,
            mode="offline",
            # No output, hardware or code of whoever exports: the runs were made elsewhere.
            settings=wandb.Settings(console="off", silent=True, x_disable_stats=True, x_disable_meta=True),
        )
        for epoch, loss in run.losses.items():
            opened.log({"loss": loss}, step=epoch)
        opened.summary.update(dict(run.metrics))
        opened.finish()


_WRITERS: Mapping[Tracker, Callable[[Report, str], None]] = {
    Tracker.TENSORBOARD: to_tensorboard,
    Tracker.MLFLOW: to_mlflow,
    Tracker.WANDB: to_wandb,
}


def export_report(report: Report, tracker: Tracker | str, target: str) -> None:
    """Export a report; see the function of each tracker for what `target` is.

    Raises `ExportError`, also where the tracker's package is missing, and ValueError for an unknown tracker.
    """
    try:
        write = _WRITERS[Tracker(tracker)]
    except ValueError:
        raise ValueError(f"tracker must be one of {', '.join(Tracker)}; got {tracker!r}") from None
    try:
        write(report, target)
    except ModuleNotFoundError as error:
        raise ExportError(f'{tracker} needs {error.name}: pip install "ladd-client[{tracker}]"') from error
