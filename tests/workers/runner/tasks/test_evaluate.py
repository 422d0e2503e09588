"""The recipe of a trial, its images and what is around it, as its task has them."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from api_schemas.datasets import Dataset
from api_schemas.runner import RunnerTask, TaskType
from method.arms import ARMS
from tests.service.core.made_up_results import made_up_stats
from workers.ladd.deployment.cost import ALONE, Surroundings
from workers.ladd.engine.normalization import normalize
from workers.ladd.models import build_model
from workers.runner.preemption import expect_no_preemption
from workers.runner.reporter import Reporter
from workers.runner.tasks.evaluate import _training_set, recipe_of, run, surroundings_of


@pytest.mark.parametrize(
    ("overrides", "precision"), [({}, "exact"), ({"precision": "published"}, "published"), ({"epochs": 3}, "exact")]
)
def test_a_trial_of_an_earlier_version_is_computed_as_it_was_planned(overrides: dict[str, Any], precision: str) -> None:
    params = {"recipe": "glad", "architecture": "ViT", "overrides": overrides, "learned_lr": None}
    recipe = recipe_of(params)
    assert recipe.seed_rule == 1
    assert recipe_of(params | {"overrides": overrides | {"seed_rule": 2}}).seed_rule == 2
    # 0.995 however few epochs there are.
    assert (recipe.precision, recipe.ema_beta) == (precision, 0.995)


def test_a_trial_has_the_average_that_was_planned() -> None:
    params = {"recipe": "glad", "architecture": "ViT", "learned_lr": None}
    assert recipe_of(params | {"overrides": {"epochs": 3, "ema_beta": 0}}).ema_beta is None
    assert recipe_of(params | {"overrides": {"epochs": 24, "ema_beta": 0.8}}).ema_beta == 0.8
    assert recipe_of(params | {"recipe": "mtt", "overrides": {"epochs": 3}}).ema_beta is None


@pytest.mark.parametrize(("images", "classes", "batch"), [(10, 10, 10), (100, 10, 50), (10_000, 1_000, 100)])
def test_batches_of_rded_follow_the_set(images: int, classes: int, batch: int) -> None:
    params: dict[str, Any] = {"recipe": "rded", "architecture": "ResNet18BN", "overrides": {}, "learned_lr": None}
    assert recipe_of(params, images, classes).batch_size == batch
    assert recipe_of({**params, "overrides": {"batch_size": 7}}, images, classes).batch_size == 7


@pytest.mark.parametrize(
    ("params", "slots", "around"),
    [
        ({}, 1, ALONE),
        ({"alike": 10, "rates": {"cpu": 5e10, "cuda": 1e13}}, 1, Surroundings(10, 1e13)),
        # Four slots that begin together compile four times.
        ({"alike": 10, "rates": {"cpu": 5e10}}, 4, Surroundings(2)),
        ({"alike": 3, "rates": {}}, 4, Surroundings(1)),
    ],
)
def test_trials_of_a_slot_share_what_is_compiled(params: dict[str, Any], slots: int, around: Surroundings) -> None:
    task = RunnerTask(
        type=TaskType.EVALUATE, params=params, inputs={}, documents={}, device="cuda", threads=1, slots=slots
    )
    assert surroundings_of(task) == around


SOURCE = "ds_" + "0" * 26
MEAN, STD = [0.5, 0.4, 0.3], [0.25, 0.2, 0.3]


def trial_of(arm: str, folder: Path) -> RunnerTask:
    """A trial on 4 distilled images, or on the 24 of the source set's train split, in its files in a folder."""
    draws = np.random.default_rng(0)
    files = {"dataset": {} if arm == "real" else {"images": 4, "labels": 4}, "source": {}}
    counts = {"train": 24, "val": 8}
    files["source"] = {f"{split}_{what}": counts[split] for split in counts for what in ("images", "labels")}
    wanted = [*ARMS[arm].source_files, "images.npy", "labels.npy"]
    inputs: dict[str, dict[str, str]] = {"dataset": {}, "source": {}}
    for place, those in files.items():
        for name, count in those.items():
            if f"{name}.npy" in wanted:
                pixels = draws.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
                np.save(folder / f"{name}.npy", pixels if name.endswith("images") else np.arange(count) % 2)
                inputs[place][f"{name}.npy"] = f"{name}.npy"
    document: dict[str, Any] = {
        "id": SOURCE,
        "name": "source",
        "role": "source",
        "state": "ready",
        "metadata": {"name": "source", "role": "source"},
        "files": [],
        "stats": made_up_stats("source", num_classes=2),
        "augmentation": None,
        "reasons": [],
        "job": "job_" + "0" * 26,
        "created_at": "2026-01-01T00:00:00Z",
        "links": {"self": "", "archive": None, "job": ""},
    }
    params = {"dataset": SOURCE, "arm": arm, "architecture": "ConvNetD3", "trial": 0, "seed": 0, "recipe": "mtt"}
    params |= {"overrides": {"epochs": 1, "batch_size": 8}, "learned_lr": None, "explained_images": 0}
    if arm != "real":
        params["labels_of"] = "ds_" + "1" * 26
    return RunnerTask(
        type=TaskType.EVALUATE,
        params=params | {"mean": MEAN, "std": STD},
        inputs=inputs,
        documents={"dataset": document, "source": document},
        device="cpu",
        threads=1,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("arm", "images"), [("real", 24), ("baseline", 4)])
def test_all_real_images_are_those_of_the_source_set(tmp_path: Path, arm: str, images: int) -> None:
    try:
        row = run(trial_of(arm, tmp_path), tmp_path, Reporter(io.BytesIO())).result["row"]
    finally:
        expect_no_preemption()
    assert (row["dataset"], row["arm"], row["labels"]) == (SOURCE, arm, "hard")
    assert row["recipe"].get("labels_of") == (None if arm == "real" else "ds_" + "1" * 26)
    # MTT's loop has a pass more than epochs; 8 images a step.
    assert (row["forwards"], row["images_seen"], row["steps"]) == (2 * images, 2 * images, 2 * -(-images // 8))


@pytest.mark.slow
def test_the_network_that_was_tested_is_kept_where_the_job_keeps_networks(tmp_path: Path) -> None:
    task = trial_of("baseline", tmp_path)
    task.params["keep_model"] = True
    (tmp_path / "outputs").mkdir()
    try:
        done = run(task, tmp_path, Reporter(io.BytesIO()))
    finally:
        expect_no_preemption()
    [name] = done.files
    content = (tmp_path / "outputs" / name).read_bytes()
    told = done.result["row"]["trial"]
    assert told["model"] == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    model = build_model("ConvNetD3", num_classes=2, channels=3, size=16, seed=1)
    model.load_state_dict(load_file(tmp_path / "outputs" / name))
    images, labels = (np.load(tmp_path / f"val_{part}.npy") for part in ("images", "labels"))
    answers = model.eval()(normalize(torch.from_numpy(images), MEAN, STD)).argmax(1)
    assert 100 * (answers.numpy() == labels).mean() == told["accuracy"]


@pytest.mark.parametrize(("arm", "split"), [("real", "train_"), ("baseline", "")])
def test_what_is_trained_on_has_the_statistics_of_the_task(tmp_path: Path, arm: str, split: str) -> None:
    task = trial_of(arm, tmp_path)
    found = _training_set(task, tmp_path, Dataset.model_validate(task.documents["dataset"]), None)
    images, labels = (np.load(tmp_path / f"{split}{part}.npy") for part in ("images", "labels"))
    torch.testing.assert_close(found.images, normalize(torch.from_numpy(images), MEAN, STD), rtol=0, atol=0)
    assert found.labels.tolist() == labels.tolist()
