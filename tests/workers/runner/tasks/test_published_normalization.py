"""GLaD's images, labelled and trained on as its own code does: as they are stored, beside ImageNet's real ones."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from api_schemas.datasets import Dataset
from api_schemas.runner import RunnerTask, TaskType
from method.normalizations import NORMALIZATIONS
from tests.service.core.made_up_results import made_up_stats
from workers.ladd.archive.archive import read_archive
from workers.ladd.engine.normalization import renormalize
from workers.ladd.models import build_model
from workers.runner.normalizations import applied, network_images, statistics_of_rows
from workers.runner.reporter import Reporter
from workers.runner.tasks import evaluate, generate_labels

IMAGENET, GLAD = (
    {"mean": list(NORMALIZATIONS[name].mean), "std": list(NORMALIZATIONS[name].std)} for name in ("imagenet", "glad_wp")
)
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3}
AS_PUBLISHED = {"test_normalization": "as_published"}
SET, LABELER, JOB = (f"{kind}_{'0' * 26}" for kind in ("ds", "lb", "job"))
IMAGES, CLASSES, SIZE = 4, 2, 16
LINKS = {"self": "", "archive": None, "job": ""}
MADE = {"job": JOB, "created_at": "2026-01-01T00:00:00Z"}
NETWORK = {"num_classes": CLASSES, "channels": 3, "size": SIZE}


def dataset(augmentation: dict[str, Any] | None = None) -> dict[str, Any]:
    counts = [{"label": label, "name": str(label), "images": {"all": 2}} for label in range(CLASSES)]
    stats = made_up_stats(
        num_classes=CLASSES,
        num_images=IMAGES,
        splits={"all": IMAGES},
        image_shape=[3, SIZE, SIZE],
        dtype="float32",
        class_counts=counts,
        normalization={"name": "glad_wp", **GLAD, "applied": True, "reason": ""},
    )
    about = {"id": SET, "name": "glad", "role": "distilled", "metadata": {"name": "glad", "role": "distilled"}}
    state: dict[str, Any] = {"state": "ready", "stats": stats, "augmentation": augmentation, "files": [], "reasons": []}
    return {**about, **state, **MADE, "links": LINKS}


def labeler(statistics: dict[str, Any]) -> dict[str, Any]:
    row = {"train_loss": 1.0, "train_accuracy": 1.0, "val_accuracy": 1.0, "mean_entropy": 1.0}
    return {
        "id": LABELER,
        "name": None,
        "source_dataset": SET,
        "architecture": "ConvNetD3",
        "num_classes": CLASSES,
        "image_shape": [3, SIZE, SIZE],
        "recipe": {},
        "metadata": None,
        "files": [],
        **statistics,
        "epochs": [
            row | {"epoch": epoch, "seconds": 1.0, "checkpoint": file} for epoch, file in ((5, "w5"), (10, "w"))
        ],
        "flops": 1,
        "forward_flops": 1,
        "warnings": [],
        **MADE,
        "links": {"self": "", "job": ""},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a task with a set, real images and a labeler's weights."""
    for part in ("inputs", "outputs", "checkpoint"):
        (tmp_path / part).mkdir()
    draws = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "images": draws.normal(size=(IMAGES, 3, SIZE, SIZE)).astype(np.float32),
        "labels": np.arange(IMAGES) // 2,
        "val_images": draws.integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8),
        "val_labels": np.arange(6) % CLASSES,
    }
    for name, array in arrays.items():
        np.save(tmp_path / "inputs" / f"{name}.npy", array)
    for seed, file in ((1, "w"), (2, "w5")):
        save_file(build_model("ConvNetD3", seed=seed, **NETWORK).state_dict(), tmp_path / "inputs" / file)
    return tmp_path


def files(*names: str) -> dict[str, str]:
    return {name: f"inputs/{name}" for name in names}


def labelled(folder: Path, real: dict[str, Any], seen_by_labeler: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The archive of a labelling, and how it was made."""
    params = {"labelers": [{"id": LABELER, "epochs": [10]}], "temperature": 1.0, "views": {"n": 2, "ratio": 0.625}}
    packed = {"encoding": "float32", "images": "npy", "formats": ["mtt"], "reuse": "auto"}
    task = RunnerTask(
        type=TaskType.GENERATE_LABELS,
        params={**params, **packed, **real},
        inputs={"dataset": files("images.npy", "labels.npy"), "labeler_0": files("w", "w5")},
        documents={"dataset": dataset(), "labeler_0": labeler(seen_by_labeler)},
        device="cpu",
        threads=1,
    )
    done = generate_labels.run(task, folder, Reporter(io.BytesIO()))
    return read_archive(folder / "outputs" / "archive.zip"), done.result["labelling"]


def said_of(images: Any) -> Any:
    """Return what the labeler says of images as they are here."""
    with torch.inference_mode():
        tensor = torch.from_numpy(np.asarray(images, np.float32))
        return build_model("ConvNetD3", seed=1, **NETWORK).eval()(tensor).softmax(dim=1).numpy()


def test_the_one_labeler_of_a_source_set_sees_the_images_as_they_are_stored(folder: Path) -> None:
    archive, _ = labelled(folder, IMAGENET | AS_PUBLISHED, IMAGENET)
    np.testing.assert_allclose(archive.full_labels, said_of(archive.images), atol=1e-6)
    # Whoever opens the archive finds what the images carry, and what test images get.
    told = {"name": "glad_wp", **GLAD, "applied": True}
    assert archive.manifest["normalization"] == told | {"test": IMAGENET}
    with np.load(folder / "outputs" / "archive.zip") as members:
        readme = members["README.md"].decode()
    assert f"# Test images, as published, with other statistics: mean {IMAGENET['mean']}" in readme


def test_under_carried_the_same_labeler_gets_them_converted(folder: Path) -> None:
    archive, _ = labelled(folder, GLAD, IMAGENET)
    shift = (np.array(GLAD["mean"]) - IMAGENET["mean"]) / IMAGENET["std"]
    np.testing.assert_allclose(archive.full_labels, said_of(archive.images + shift[:, None, None]), atol=1e-5)
    assert archive.manifest["normalization"] == {"name": "glad_wp", **GLAD, "applied": True}


@pytest.mark.parametrize("real", [IMAGENET | AS_PUBLISHED, GLAD], ids=["as_published", "carried"])
def test_the_example_is_answered_as_the_labels_were(folder: Path, real: dict[str, Any]) -> None:
    archive, labelling = labelled(folder, real, IMAGENET)
    example = labelling["example"]
    assert example["epochs"] == [5, 10]
    np.testing.assert_allclose(example["probabilities"][1], archive.full_labels[0], atol=1e-4)


@pytest.mark.parametrize("seen_by_labeler", [IMAGENET, GLAD, HALF], ids=["imagenet", "glad", "own"])
@pytest.mark.parametrize(
    "real", [IMAGENET | AS_PUBLISHED, GLAD | AS_PUBLISHED, GLAD], ids=["published", "same", "carried"]
)
def test_a_live_labeler_sees_a_row_as_it_saw_the_image(real: dict[str, Any], seen_by_labeler: dict[str, Any]) -> None:
    normalization = Dataset.model_validate(dataset()).stats.normalization  # type: ignore[union-attr]
    stored = np.random.default_rng(0).normal(size=(IMAGES, 3, SIZE, SIZE)).astype(np.float32)
    own = seen_by_labeler["mean"], seen_by_labeler["std"]
    rows = network_images(stored, normalization, real["mean"], real["std"], real)
    of_rows = statistics_of_rows(normalization, *own, real)
    labelled_on = network_images(stored, normalization, *own, real)
    torch.testing.assert_close(renormalize(rows, of_rows, own), labelled_on, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["ladd", "online"])
def test_a_row_says_what_was_normalised_with_what(folder: Path, arm: str) -> None:
    labels: dict[str, Any] = {"parent": None, "labeler": None, "epoch": 10, "temperature": 1.0, "n": 2, "ratio": 0.625}
    labels |= {"encoding": "float32", "labeler_normalizations": [IMAGENET]}
    np.save(folder / "inputs" / "dense_labels.npy", np.full((IMAGES, 4, CLASSES), 0.5, np.float32))
    params = {"dataset": SET, "arm": arm, "architecture": "ConvNetD3", "trial": 0, "recipe": "glad", "seed": 0}
    real = IMAGENET | AS_PUBLISHED
    task = RunnerTask(
        type=TaskType.EVALUATE,
        params={**params, "overrides": {"epochs": 1}, "explained_images": 0, "learned_lr": None, **real},
        inputs={
            "dataset": files("images.npy", "labels.npy", "dense_labels.npy"),
            "source": files("val_images.npy", "val_labels.npy"),
            "labeler": files("w", "w5"),
        },
        documents={"dataset": dataset(labels), "labeler": labeler(IMAGENET)},
        device="cpu",
        threads=1,
    )
    row = evaluate.run(task, folder, Reporter(io.BytesIO())).result["row"]
    expected = {"rule": "as_published", "training": GLAD, "test": IMAGENET, "labeler": [IMAGENET]}
    assert row["recipe"]["normalization"] == expected


@pytest.mark.parametrize(
    ("real", "training"), [(IMAGENET | AS_PUBLISHED, GLAD), (GLAD, GLAD), (IMAGENET, IMAGENET)], ids=str
)
def test_an_arm_without_the_labelers_answers_names_none(real: dict[str, Any], training: dict[str, Any]) -> None:
    """A task without a rule converts what it trains on to its own statistics."""
    found = applied(Dataset.model_validate(dataset()), real, labels=False)
    assert (found["training"], found["labeler"]) == (training, None)
    assert found["test"] == {name: real[name] for name in ("mean", "std")}
