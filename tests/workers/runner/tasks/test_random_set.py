"""A set of random real images is one like any that is uploaded, with as many of each class as the distilled set."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.datasets import DatasetStats
from api_schemas.runner import RunnerTask, TaskType
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.preview import write_preview
from workers.ladd.sets.stored_set import load_distilled, load_source
from workers.runner.reporter import Reporter
from workers.runner.tasks.random_set import run

NAMES = ["wasp", "ant", "bee"]
SOURCE = "ds_" + "0" * 26


@pytest.fixture
def task(tmp_path: Path) -> RunnerTask:
    """A source set of 60 images of three classes, and a distilled set of 2, 1 and 3."""
    for folder in ("inputs", "outputs"):
        (tmp_path / folder).mkdir()
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(70) % 3
    np.savez(
        tmp_path / "source.npz",
        train_images=images[:60],
        train_labels=labels[:60],
        val_images=images[60:],
        val_labels=labels[60:],
    )
    options = ImportOptions(name="set", role="source", class_map=NAMES)
    stats = import_dataset([tmp_path / "source.npz"], options, tmp_path / "inputs", lambda done, total: None)
    np.save(tmp_path / "inputs" / "labels.npy", np.array([2, 0, 2, 1, 0, 2]))
    document: dict[str, Any] = {
        "id": SOURCE,
        "name": "source",
        "role": "source",
        "state": "ready",
        "metadata": {"name": "source", "role": "source"},
        "files": [],
        "stats": stats.model_dump(mode="json"),
        "augmentation": None,
        "reasons": [],
        "job": "job_" + "0" * 26,
        "created_at": "2026-01-01T00:00:00Z",
        "links": {"self": "", "archive": None, "job": ""},
    }
    inputs = {
        "dataset": {"labels.npy": "inputs/labels.npy"},
        "source": {f"train_{what}.npy": f"inputs/train_{what}.npy" for what in ("images", "labels")},
    }
    return RunnerTask(
        type=TaskType.RANDOM_SET,
        params={"seed": 5},
        inputs=inputs,
        documents={"source": document},
        device="cpu",
        threads=1,
    )


def test_real_images_take_the_places_of_distilled_ones(task: RunnerTask, tmp_path: Path) -> None:
    done = run(task, tmp_path, Reporter(io.BytesIO()))
    assert done.files == ["images.npy", "labels.npy", "preview.png"]
    stats = DatasetStats.model_validate(done.result["stats"])
    assert [(count.name, count.images) for count in stats.class_counts] == [
        ("wasp", {"all": 2}),
        ("ant", {"all": 1}),
        ("bee", {"all": 3}),
    ]
    assert (stats.num_images, stats.image_shape, stats.dtype, stats.soft_labels) == (6, [3, 8, 8], "uint8", None)
    assert (stats.normalization.mean, stats.normalization.applied, stats.warnings) == (None, False, [])
    assert stats.detection.reason == f"images of the train split of {SOURCE}, picked at random with seed 5"
    made, source = load_distilled(tmp_path / "outputs"), load_source(tmp_path / "inputs")
    for image, label in zip(made.images, made.labels, strict=True):
        (place,) = np.flatnonzero((source.train_images == image).all(axis=(1, 2, 3)))
        assert source.train_labels[place] == label
    names = [count.name for count in stats.class_counts]
    write_preview(made.images, made.labels, names, None, tmp_path / "expected.png")
    assert (tmp_path / "outputs" / "preview.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_progress_counts_images(task: RunnerTask, tmp_path: Path) -> None:
    told = io.BytesIO()
    run(task, tmp_path, Reporter(told))
    assert b'"stage":"random_set","done":6,"total":6,"unit":"images"' in told.getvalue().replace(b" ", b"")
