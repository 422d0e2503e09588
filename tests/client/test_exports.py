"""A report in TensorBoard, MLflow and W&B, read back with what each tool reads its own files with."""

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ladd_client.exports import ExportError, Run, export_report, runs_of

from api_schemas.evaluation import Report

JOB = "job_" + "0" * 26
SET = "ds_" + "1" * 26
RECIPE = {"name": "glad", "lr": 0.01, "views": "full", "ema_beta": None, "arithmetic": {"dtype": "float32"}}


def row(arm: str, losses: list[list[float | None]], **other: Any) -> dict[str, Any]:
    """A row with a trial for each list of losses; trial k has an accuracy of 60 + k."""
    trials = [
        {
            "trial": number,
            "seed": 7 + number,
            "accuracy": 60.0 + number,
            "per_class_accuracy": [60.0],
            "correct": "wA==",
        }
        | {"grad_cam": None, "losses": of_trial, "seconds": 2.0, "peak_bytes": 10**8, "predicted_peak_bytes": 10**8}
        for number, of_trial in enumerate(losses)
    ]
    return {
        "dataset": SET,
        "arm": arm,
        "architecture": "ConvNetD3",
        "trials": trials,
        "mean": 60.5,
        "std": 0.5,
        "ci95": None,
        "labels": "hard",
        "epochs": 2,
        "steps": 4,
        "forwards": 8,
        "images_seen": 8,
        "flops": 10**9,
        "seconds": 4.0,
        "recipe": RECIPE,
        "rule": "last epoch",
        "in_summary": True,
        **other,
    }


def report_of(rows: list[dict[str, Any]]) -> Report:
    summary = [
        {"dataset": SET, "arm": each["arm"], "k": 1, "architectures": ["ConvNetD3"], "cae_mean": 60.5, "cae_std": 0.5}
        for each in rows
    ]
    better = {"dataset": SET, "arm": "ladd", "architecture": None, "difference": 1.5, "ci95": None, "trials_ci95": None}
    comparisons = [better | {"verdict": "no evidence"}]
    evaluation = {"source_dataset": SET, "test_images": 2, "rows": rows, "summary": summary, "comparisons": comparisons}
    about: dict[str, Any] = {
        "job": JOB,
        "kind": "ladd",
        "params": {},
        "versions": {"torch": "2.13.0"},
        "cost": None,
        "storage": None,
    }
    about |= {"hardware": "a pencil", "notes": ["few trials", "made by hand"], "figures": [], "points": [], "paper": []}
    flops = {"labelling": None, "labeler_training": None, "deployment": None}
    return Report.model_validate({**about, "flops": flops, "labelling": None, "evaluation": evaluation})


@pytest.fixture
def report() -> Report:
    return report_of([row("baseline", [[2.5, 1.5], [2.0, 1.0]]), row("ladd", [[3.0, None]], ci95=[59.0, 62.0])])


def test_a_report_is_a_run_for_the_job_each_row_and_each_trial(report: Report) -> None:
    job, *rest = runs_of(report)
    assert job == Run(
        name=JOB,
        kind="job",
        params={"job": JOB, "kind": "ladd", "hardware": "a pencil", "torch": "2.13.0"},
        metrics={
            "cae_mean/baseline": 60.5,
            "cae_std/baseline": 0.5,
            "cae_mean/ladd": 60.5,
            "cae_std/ladd": 0.5,
            "cae_difference/ladd-baseline": 1.5,
        },
        notes="- few trials\n- made by hand",
    )
    assert [run.name.removeprefix(JOB) for run in rest] == [
        "/baseline-ConvNetD3",
        "/baseline-ConvNetD3/trial-0",
        "/baseline-ConvNetD3/trial-1",
        "/ladd-ConvNetD3",
        "/ladd-ConvNetD3/trial-0",
    ]
    assert [run.parent for run in rest] == [JOB, rest[0].name, rest[0].name, JOB, rest[3].name]
    ladd, trial = rest[3:]
    interval = {name: ladd.metrics[name] for name in ("accuracy_ci95_low", "accuracy_ci95_high")}
    assert interval == {"accuracy_ci95_low": 59.0, "accuracy_ci95_high": 62.0}
    assert (trial.params["recipe.lr"], trial.params["recipe.arithmetic.dtype"], trial.params["seed"]) == (
        0.01,
        "float32",
        7,
    )
    assert trial.params["recipe.ema_beta"] == "null"
    # The training diverged in its second epoch.
    assert trial.losses == {1: 3.0}
    assert trial.metrics["accuracy"] == 60.0


def test_rows_that_differ_in_views_and_epochs_alone_have_names_of_their_own() -> None:
    sampled = RECIPE | {"views": "sampled:1"}
    rows = [row("ladd", [[1.0]]), row("ladd", [[1.0]], recipe=sampled), row("ladd", [[1.0]], epochs=9)]
    names = [run.name.removeprefix(f"{JOB}/") for run in runs_of(report_of(rows)) if run.kind == "row"]
    assert names == [
        "ladd-ConvNetD3-full-2epochs",
        "ladd-ConvNetD3-sampled:1-2epochs",
        "ladd-ConvNetD3-full-9epochs",
    ]


def test_a_report_without_an_evaluation_is_refused(report: Report) -> None:
    with pytest.raises(ExportError, match=f"{JOB} has no evaluation"):
        next(runs_of(report.model_copy(update={"evaluation": None})))


@pytest.mark.slow
def test_tensorboard(report: Report, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    export_report(report, "tensorboard", str(tmp_path))

    def read(run: str) -> Any:
        return accumulator.EventAccumulator(str(tmp_path / JOB / run)).Reload()

    trial = read("baseline-ConvNetD3/trial-1")
    assert [(point.step, point.value) for point in trial.Scalars("loss")] == [(1, 2.0), (2, 1.0)]
    assert [(point.step, point.value) for point in trial.Scalars("accuracy")] == [(2, 61.0)]
    hparams = {"_hparams_/experiment", "_hparams_/session_start_info", "_hparams_/session_end_info"}
    assert set(trial.summary_metadata) >= hparams
    assert read("ladd-ConvNetD3").Scalars("accuracy_ci95_low")[0].value == 59.0
    job = read(".")
    assert job.Scalars("cae_difference/ladd-baseline")[0].value == 1.5
    assert b"made by hand" in job.Tensors("notes/text_summary")[0].tensor_proto.string_val[0]
    with pytest.raises(ExportError, match=f"{JOB} is there already"):
        export_report(report, "tensorboard", str(tmp_path))


@pytest.mark.slow
def test_mlflow(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    # Kept from the other tests of this process.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    target = tmp_path / "a folder" / "mlruns"
    export_report(report, "mlflow", str(target))
    client = mlflow.MlflowClient(target.as_uri())
    experiment = client.get_experiment_by_name("ladd")
    runs = {run.data.tags["ladd.run"].removeprefix(JOB): run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 6
    row, trial = runs["/baseline-ConvNetD3"], runs["/baseline-ConvNetD3/trial-1"]
    assert trial.data.tags["mlflow.parentRunId"] == row.info.run_id
    assert row.data.tags["mlflow.parentRunId"] == runs[""].info.run_id
    assert runs[""].data.tags["mlflow.note.content"] == "- few trials\n- made by hand"
    history = client.get_metric_history(trial.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert trial.data.metrics["accuracy"] == 61.0
    assert (trial.data.params["recipe.lr"], trial.data.params["seed"]) == ("0.01", "8")
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    with pytest.raises(ExportError, match=f"{JOB} is in .* already"):
        export_report(report, "mlflow", str(target))


def logged(log: bytes) -> Iterator[bytes]:
    """The records of a W&B file shorter than one block of it: LevelDB's log format behind a header of 7 bytes."""
    assert log.startswith(b":W&B")
    assert len(log) < 32_768
    start = 7
    while start < len(log):
        _, length, kind = struct.unpack_from("<IHB", log, start)
        assert kind == 1, "a whole record"
        start += 7
        yield log[start : start + length]
        start += length


@pytest.mark.slow
def test_wandb(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    export_report(report_of([row("ladd", [[2.0, 1.0]])]), "wandb", str(tmp_path))
    runs: dict[str, dict[str, Any]] = {}
    for path in tmp_path.glob("wandb/offline-run-*/*.wandb"):
        records = [Record.FromString(data) for data in logged(path.read_bytes())]
        [started] = [record.run for record in records if record.HasField("run")]
        config = {item.key: json.loads(item.value_json) for item in started.config.update}
        points = [
            {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            for record in records
            if record.HasField("history")
        ]
        summary = {
            item.key or item.nested_key[0]: json.loads(item.value_json)
            for record in records
            if record.HasField("summary")
            for item in record.summary.update
        }
        about = {"group": started.run_group, "type": started.job_type, "notes": started.notes}
        runs[started.display_name] = about | {"config": config, "points": points, "summary": summary}
    assert {name: (run["group"], run["type"]) for name, run in runs.items()} == {
        JOB: (JOB, "job"),
        "ladd-ConvNetD3": (JOB, "row"),
        "ladd-ConvNetD3/trial-0": (JOB, "trial"),
    }
    assert runs[JOB]["notes"] == "- few trials\n- made by hand"
    trial = runs["ladd-ConvNetD3/trial-0"]
    assert [(point["_step"], point["loss"]) for point in trial["points"]] == [(1, 2.0), (2, 1.0)]
    assert trial["summary"]["accuracy"] == 60.0
    assert trial["config"]["recipe.lr"] == 0.01


def test_an_unknown_tracker_is_refused(report: Report) -> None:
    with pytest.raises(ValueError, match="tracker must be one of tensorboard, mlflow, wandb; got 'comet'"):
        export_report(report, "comet", "runs")


@pytest.mark.parametrize(("tracker", "package"), [("tensorboard", "tensorboardX"), ("mlflow", ""), ("wandb", "")])
def test_a_missing_package_is_named_with_its_extra(
    report: Report, tracker: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package or tracker
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=rf'{tracker} needs {package}: pip install "ladd-client\[{tracker}\]"'):
        export_report(report, tracker, str(tmp_path))


@pytest.mark.slow
def test_the_command_fetches_the_report(ladd: Callable[..., Any], worker: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    job = worker.start_ladd()
    refused = ladd("export-report", job.id, str(tmp_path), "--to", "tensorboard")
    assert (refused.exit_code, refused.stdout) == (1, "")
    worker.run_ladd(job)
    assert ladd("export-report", job.id, str(tmp_path), "--to", "tensorboard").stdout == f"{tmp_path}\n"
    assert sorted(path.name for path in (tmp_path / job.id).glob("*/*") if path.is_dir()) == ["trial-0", "trial-0"]
    again = ladd("export-report", job.id, str(tmp_path), "--to", "tensorboard")
    assert again.exit_code == 1
    assert f"{job.id} is there already" in again.stderr
