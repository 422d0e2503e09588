"""Every job kind from upload to download, through the stack of `make up`: HTTP, Celery, runner, Redis and S3."""

import hashlib
import itertools
import json
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from ladd_client.api import LaddClient
from pyarrow.parquet import read_table  # type: ignore[import-untyped]
from safetensors.numpy import load_file

from api_schemas.cost import CostName
from api_schemas.datasets import ArchiveFormat, Dataset
from api_schemas.events import KEPT, EventType
from api_schemas.jobs import (
    EvaluateParams,
    EvaluateRequest,
    GenerateLabelsParams,
    GenerateLabelsRequest,
    JobKind,
    JobState,
    LaddParams,
    LaddRequest,
)
from api_schemas.problems import ErrorCode, ErrorOrigin
from method.architectures import forward_flops
from method.layers import Shape
from tests.end_to_end.finished import Finished
from workers.ladd.archive.archive import read_archive
from workers.ladd.evaluation.progressive import open_question

ROOT = Path(__file__).parents[2]
SHAPE = Shape(num_classes=10, channels=1, size=32)
EVALUATION: dict[str, Any] = {
    "architectures": ["ConvNetD3", "VGG11"],
    "trials": 2,
    "recipe": "mtt",
    "overrides": {"epochs": 1, "views": "sampled:1", "batch_size": 50, "lr": 0.01, "reduction": "mean"},
    "seed": 7,
}


@pytest.fixture(scope="module")
def ladd(client: LaddClient, distilled: Dataset) -> Finished:
    params = LaddParams.model_validate(
        {"dataset": distilled.id, "labeler": {"epochs": 2, "batch_size": 64}, "evaluation": EVALUATION}
    )
    return Finished(client, LaddRequest(kind=JobKind.LADD, params=params, tags={"made": "first"}))


@pytest.fixture(scope="module")
def coarse(client: LaddClient, distilled: Dataset, ladd: Finished) -> Finished:
    """The distilled set with labels for 2 x 2 views, in an encoding of fewer bytes and in every format."""
    params = GenerateLabelsParams.model_validate(
        {
            "dataset": distilled.id,
            "labeler": ladd.result.labeler,
            "views": {"n": 2, "ratio": 0.7},
            "encoding": "uint8",
            "formats": ["parquet", "mtt", "webdataset", "safetensors"],
        }
    )
    return Finished(client, GenerateLabelsRequest(kind=JobKind.GENERATE_LABELS, params=params))


def test_ladd_reports_each_arm_and_architecture(ladd: Finished) -> None:
    evaluation = ladd.result.evaluation
    assert evaluation is not None
    assert {(row.arm, row.architecture) for row in evaluation.rows} == set(
        itertools.product(["baseline", "ladd"], ["ConvNetD3", "VGG11"])
    )
    for row in evaluation.rows:
        accuracies = [trial.accuracy for trial in row.trials]
        assert len(accuracies) == 2
        assert len({trial.seed for trial in row.trials}) == 2
        assert row.mean == pytest.approx(fmean(accuracies))
        assert row.std == pytest.approx(np.std(accuracies))
        assert row.ci95 is None  # two trials
        assert (row.epochs, row.steps, row.images_seen) == (2, 4, 200)  # mtt makes one pass more than its epochs
        assert row.forwards == (400 if row.arm == "ladd" else 200)
        assert all(0 <= trial.accuracy <= 100 for trial in row.trials)
    for summary in evaluation.summary:
        rows = [row for row in evaluation.rows if row.arm == summary.arm]
        assert summary.k == 2
        assert summary.cae_mean == pytest.approx(fmean(row.mean for row in rows))
        assert summary.cae_std == pytest.approx(fmean(row.std for row in rows))


def test_both_arms_of_a_trial_start_alike(ladd: Finished) -> None:
    assert ladd.result.evaluation is not None
    seeds = {(row.arm, row.architecture): [trial.seed for trial in row.trials] for row in ladd.result.evaluation.rows}
    assert seeds["baseline", "VGG11"] == seeds["ladd", "VGG11"]


def test_ladd_counts_storage_and_flops_apart(client: LaddClient, ladd: Finished) -> None:
    storage, flops = ladd.result.storage, ladd.result.flops
    assert storage is not None
    assert storage.raw.augmented_bytes - storage.raw.plain_bytes == 100 * 25 * 10 * 4
    paper = storage.paper
    assert paper.overhead == pytest.approx((paper.augmented_bytes - paper.plain_bytes) / paper.plain_bytes)
    assert 0 < paper.augmented_bytes - paper.plain_bytes < 100 * 25 * 10 * 4 + 1000
    assert flops is not None
    # The whole images are labelled as well.
    assert flops.labelling == 100 * (25 + 1) * forward_flops("ConvNetD3", SHAPE)
    assert ladd.result.labeler is not None
    assert flops.labeler_training == client.labeler(ladd.result.labeler).flops
    assert ladd.result.evaluation is not None
    assert flops.deployment == sum(row.flops for row in ladd.result.evaluation.rows)


def test_the_cost_is_counted_as_it_was_predicted(client: LaddClient, ladd: Finished) -> None:
    assert ladd.submitted.cost is not None
    cost = client.report(ladd.job.id).cost
    assert cost is not None
    assert cost == ladd.job.cost
    for part in CostName:
        before, predicted, counted = (
            getattr(parts, part) for parts in (ladd.submitted.cost.predicted, cost.predicted, cost.counted)
        )
        assert before == predicted
        assert counted.flops == predicted.flops > 0, part
        assert counted.seconds > 0
    # Weights and a header with the names of the tensors; labels in an archive that is zipped, and a picture of some.
    assert cost.counted.labeler_training is not None
    assert cost.predicted.labeler_training is not None
    assert 0 < cost.counted.labeler_training.bytes - cost.predicted.labeler_training.bytes < 4096
    assert cost.counted.labelling is not None
    assert cost.predicted.labelling is not None
    assert cost.predicted.labelling.bytes / 2 < cost.counted.labelling.bytes < cost.predicted.labelling.bytes + 2**18


def test_progressive_views_confirm_what_they_leave_open(client: LaddClient, coarse: Finished) -> None:
    overrides = {**EVALUATION["overrides"], "views": "progressive"}
    evaluation = {**EVALUATION, "architectures": ["ConvNetD3"], "overrides": overrides, "trials": 3}
    params = EvaluateParams.model_validate({"dataset": coarse.result.dataset, **evaluation})
    made = Finished(client, EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    assert made.result.evaluation is not None
    baseline, cheap, *confirmed = made.result.evaluation.rows
    decision = open_question(*([trial.accuracy for trial in row.trials] for row in (baseline, cheap)))
    assert (cheap.recipe["views"], cheap.in_summary) == ("sampled:1", not decision.open)
    assert [(row.recipe["views"], row.in_summary) for row in confirmed] == [("full", True)] * decision.open
    assert cheap.forwards == 2 * baseline.forwards
    assert all(row.forwards == 5 * baseline.forwards for row in confirmed)
    quoted = confirmed[0] if confirmed else cheap
    assert [summary.cae_mean for summary in made.result.evaluation.summary] == [baseline.mean, quoted.mean]
    ending = "confirmed with full" if decision.open else "closed"
    assert any(
        ending in note and f"{decision.mean_difference:+.2f}" in note for note in client.report(made.job.id).notes
    )
    cost = made.job.cost
    assert cost is not None
    assert cost.predicted.deployment is not None
    assert cost.counted.deployment is not None
    assert (cost.counted.deployment.flops == cost.predicted.deployment.flops) == decision.open
    # The `ladd` job has shown how fast a trial of this architecture is.
    assert cost.predicted.deployment.seconds is not None


def test_arms_of_every_kind_are_trained_and_compared(client: LaddClient, coarse: Finished) -> None:
    overrides = {**EVALUATION["overrides"], "views": "full"}
    # Hard labels, both labels of images and of views, several networks in one trial, and the labeler itself.
    arms = ["baseline", "full_both", "sub_both", "baseline_best_lr", "online"]
    evaluation = {**EVALUATION, "architectures": ["ConvNetD3"], "arms": arms, "overrides": overrides, "trials": 3}
    params = EvaluateParams.model_validate({"dataset": coarse.result.dataset, **evaluation})
    made = Finished(client, EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    assert made.result.evaluation is not None
    rows = {row.arm: row for row in made.result.evaluation.rows}
    # Two passes over 100 images, of four views each.
    counts = [(rows[arm].forwards, rows[arm].images_seen) for arm in arms]
    assert counts == [(200, 200), (200, 200), (800, 0), (800, 800), (200, 200)]
    losses = {arm: tuple(trial.losses[0] for trial in row.trials) for arm, row in rows.items()}
    assert len(set(losses.values())) >= 3
    assert made.job.cost is not None
    assert made.job.cost.counted.deployment is not None
    assert made.job.cost.predicted.deployment is not None
    assert made.job.cost.counted.deployment.flops == made.job.cost.predicted.deployment.flops
    assert coarse.result.labeler is not None
    labeler = client.labeler(coarse.result.labeler)
    assert rows["online"].flops - rows["baseline"].flops == 3 * 200 * labeler.forward_flops
    assert any("online uses the labeler while training" in note for note in client.report(made.job.id).notes)
    compared = {(found.arm, found.architecture): found for found in made.result.evaluation.comparisons}
    assert set(compared) == {
        (arm, architecture) for arm in arms if arm != "baseline" for architecture in ("ConvNetD3", None)
    }
    for arm in arms:
        if arm != "baseline":
            found = compared[arm, "ConvNetD3"]
            assert found.difference == pytest.approx(rows[arm].mean - rows["baseline"].mean)
            assert found.ci95 is not None
            assert found.ci95[0] <= found.difference <= found.ci95[1]
            assert found.adjusted_p == found.p_value  # one architecture


def test_labels_at_a_temperature_train_by_the_recipe_of_rded(client: LaddClient, coarse: Finished) -> None:
    params = EvaluateParams.model_validate(
        {
            "dataset": coarse.result.dataset,
            "arms": ["full_soft", "ladd", "online"],
            "architectures": ["ConvNetD3"],
            "trials": 1,
            "recipe": "rded",
            "overrides": {"epochs": 2, "views": "sampled:1"},
        }
    )
    made = Finished(client, EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    assert made.result.evaluation is not None
    for row, forwards in zip(made.result.evaluation.rows, (200, 400, 200), strict=True):
        # Ten images per class: batches of 50.
        assert (row.epochs, row.steps, row.forwards, row.recipe["batch_size"]) == (2, 4, forwards, 50)
        assert (row.recipe["optimizer"], row.recipe["mix"], row.recipe["temperature"]) == ("adamw", "cutmix", 20.0)
    notes = client.report(made.job.id).notes
    assert any(note.startswith("Loss at temperature 20") for note in notes)
    assert "2 epochs; the recipe has 300: networks may be far from converged." in notes


def test_the_report_is_the_result_with_what_a_reader_must_know(client: LaddClient, ladd: Finished) -> None:
    report = client.report(ladd.job.id)
    assert report.evaluation == ladd.result.evaluation
    assert report.params == ladd.job.params
    assert any("2 epochs" in note for note in report.notes)
    assert report.versions["torch"] == version("torch")


def test_the_archive_opens_with_numpy(client: LaddClient, ladd: Finished, tmp_path: Path) -> None:
    assert ladd.result.dataset is not None
    path = client.download_archive(ladd.result.dataset, tmp_path / "archive.zip")
    uploaded = torch.load(ROOT / "examples" / "fashion_mnist_dm_ipc10" / "images_best.pt", weights_only=True).numpy()
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["images"], uploaded)
        assert archive["labels"].tolist() == [label for label in range(10) for _ in range(10)]
        dense, full = archive["dense_labels"], archive["full_labels"]
        manifest = json.loads(archive["manifest.json"])
    assert dense.dtype == np.float32
    assert dense.shape == (100, 25, 10)
    assert full.shape == (100, 10)
    assert np.allclose(full.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(dense.sum(axis=2), 1, atol=1e-5)
    assert manifest["views"] == {"n": 5, "ratio": 0.625}
    assert manifest["labeler"]["epoch"] == 2


def test_events_come_in_order_and_progress_moves(client: LaddClient, ladd: Finished) -> None:
    ids = [tuple(map(int, event.id.split("-"))) for event in ladd.events]
    assert ids == sorted(ids)
    for task in ladd.job.tasks:
        told = [event for event in ladd.events if event.task == task.name and event.type is EventType.PROGRESS]
        assert told, task.name
        assert told[-1].data["done"] == told[-1].data["total"] > 0
    metrics = [event.data for event in ladd.events if event.type is EventType.METRIC]
    assert len(metrics) == 2
    rows = [event for event in ladd.events if event.type is EventType.ROW]
    assert len(rows) == 2 * 2 * 2
    kept = [event for event in ladd.events if event.type is not EventType.PROGRESS]
    assert list(client.events(ladd.job.id, types=KEPT)) == kept
    assert list(client.events(ladd.job.id, types=[EventType.ROW])) == rows
    for task in ladd.job.tasks:
        logs = [event.data["message"] for event in kept if (event.task, event.type) == (task.name, EventType.LOG)]
        assert [line.message for line in client.logs(ladd.job.id, task.name)] == logs


def test_a_second_job_reuses_the_labeler_and_repeats_every_byte(
    client: LaddClient, distilled: Dataset, ladd: Finished, tmp_path: Path
) -> None:
    params = LaddParams.model_validate(
        {"dataset": distilled.id, "labeler": {"epochs": 2, "batch_size": 64}, "evaluation": None, "reuse": "never"}
    )
    second = Finished(client, LaddRequest(kind=JobKind.LADD, params=params))
    assert [task.name for task in second.job.tasks] == ["generate_labels", "report"]
    assert second.result.labeler == ladd.result.labeler
    assert second.result.evaluation is None
    assert _archive_digest(client, second, tmp_path / "2.zip") == _archive_digest(client, ladd, tmp_path / "1.zip")


def test_labels_that_were_written_before_are_taken(client: LaddClient, distilled: Dataset, ladd: Finished) -> None:
    params = GenerateLabelsParams.model_validate({"dataset": distilled.id, "labeler": ladd.result.labeler})
    again = Finished(client, GenerateLabelsRequest(kind=JobKind.GENERATE_LABELS, params=params))
    assert [task.attempts[0].outcome for task in again.job.tasks] == ["succeeded", "succeeded"]
    assert again.result.dataset != ladd.result.dataset
    assert again.result.labelling is not None
    assert again.result.labelling.reused_from is not None
    assert again.result.storage == ladd.result.storage
    assert again.job.cost is not None
    assert again.job.cost.counted.labelling is not None
    assert again.job.cost.counted.labelling.flops == 0


def test_generate_labels_with_another_grid(client: LaddClient, distilled: Dataset, coarse: Finished) -> None:
    assert coarse.result.dataset is not None
    augmentation = client.dataset(coarse.result.dataset).augmentation
    assert augmentation is not None
    assert (augmentation.parent, augmentation.n, augmentation.ratio) == (distilled.id, 2, 0.7)
    assert coarse.result.flops is not None
    assert coarse.result.flops.labelling == 100 * (4 + 1) * forward_flops("ConvNetD3", SHAPE)


def test_labels_are_trained_on_as_readers_decode_them(client: LaddClient, coarse: Finished, tmp_path: Path) -> None:
    assert coarse.result.dataset is not None
    assert coarse.result.storage is not None
    archive = read_archive(client.download_archive(coarse.result.dataset, tmp_path / "archive.zip"))
    assert archive.manifest["encoding"] == "uint8"
    costs = {cost.encoding: cost for cost in coarse.result.storage.encodings}
    assert 0 < costs["uint8"].kl < 1e-3
    assert costs["uint8"].bytes < costs["float32"].bytes / 3
    tensors = client.download_archive(
        coarse.result.dataset, tmp_path / "set.safetensors", archive_format=ArchiveFormat.SAFETENSORS
    )
    np.testing.assert_array_equal(load_file(tensors)["dense_labels"], archive.dense_labels)
    table = client.download_archive(
        coarse.result.dataset, tmp_path / "set.parquet", archive_format=ArchiveFormat.PARQUET
    )
    assert read_table(table)["label"].to_pylist() == archive.labels.tolist()


def test_an_encoding_that_loses_too_much_fails_the_job(client: LaddClient, distilled: Dataset, ladd: Finished) -> None:
    params = GenerateLabelsParams.model_validate(
        {"dataset": distilled.id, "labeler": ladd.result.labeler, "encoding": "topk:1"}
    )
    submitted = client.submit(GenerateLabelsRequest(kind=JobKind.GENERATE_LABELS, params=params))
    job = client.wait(submitted.id, check=False)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    (reason,) = job.error.reasons
    assert (reason.location, reason.rule, reason.value) == ("encoding", "kl_limit", "topk:1")
    assert "nats, the limit is 0.05" in reason.message


def test_evaluate_repeats_the_numbers_of_the_ladd_job(client: LaddClient, ladd: Finished) -> None:
    evaluation = {**EVALUATION, "architectures": ["ConvNetD3"], "arms": ["ladd"]}
    params = EvaluateParams.model_validate({"dataset": ladd.result.dataset, **evaluation, "reuse": "never"})
    again = Finished(client, EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    assert again.result.evaluation is not None
    assert ladd.result.evaluation is not None
    (row,) = again.result.evaluation.rows
    first = next(row for row in ladd.result.evaluation.rows if (row.arm, row.architecture) == ("ladd", "ConvNetD3"))
    assert [trial.losses for trial in row.trials] == [trial.losses for trial in first.trials]
    assert [trial.accuracy for trial in row.trials] == [trial.accuracy for trial in first.trials]


def _archive_digest(client: LaddClient, finished: Finished, path: Path) -> str:
    assert finished.result.dataset is not None
    return hashlib.sha256(client.download_archive(finished.result.dataset, path).read_bytes()).hexdigest()
