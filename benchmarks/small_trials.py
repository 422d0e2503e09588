"""Common parts of benchmarks of accuracy: a part of CIFAR-10 as source set, a labeler of it, and trials."""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from bench_report import measured_on
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from api_schemas.datasets import DatasetStats
from method.arms import ARMS
from method.normalizations import NORMALIZATIONS
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.normalization import training_images
from workers.ladd.evaluation.trial import TestSet, TrialResult, evaluate_trial
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.importers.imported import ImportOptions
from workers.ladd.labeler.training import train_labeler
from workers.ladd.labels.dense_labels import generate_dense_labels
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe
from workers.ladd.sets.stored_set import DistilledSet, SourceSet, load_distilled

MEAN, STD = NORMALIZATIONS["cifar10"]
TRAIN_PER_CLASS, TEST_PER_CLASS = 500, 200
LABELER: dict[str, Any] = {"epochs": 10, "lr": 0.01, "batch_size": 64, "momentum": 0.9}
AUGMENTATION = "color_crop_cutout_flip_scale_rotate"

Made = TypeVar("Made")


def kept_or_made(path: Path, make: Callable[[], Made]) -> Made:
    """Return what an earlier call has left at `path`, or make it and leave it there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(make(), path)
    found: Made = torch.load(path, weights_only=False)
    return found


def read_source(blob: Path) -> tuple[SourceSet, dict[str, int]]:
    """The first images of every class of the blob (see README.md), decoded; and how many there are of each split."""
    arrays = {}
    with np.load(blob, allow_pickle=False) as stored:
        for split, per_class in (("train", TRAIN_PER_CLASS), ("test", TEST_PER_CLASS)):
            jpegs, offsets, labels = (stored[f"{key}_{split}"] for key in ("jpeg", "off", "y"))
            chosen = first_rows(labels, per_class)
            pixels = [_decode(jpegs[offsets[i] : offsets[i + 1]]) for i in chosen]
            arrays[split] = (np.stack(pixels), labels[chosen].astype(np.int64))
    source = SourceSet(*arrays["train"], *arrays["test"], num_classes=10)
    return source, {split: len(labels) for split, (_, labels) in arrays.items()}


def first_rows(labels: NDArray[np.integer[Any]], per_class: int) -> NDArray[np.int64]:
    """Rows of the first images of each of ten classes, in ascending order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in range(10)]))


def _decode(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpeg.tobytes())).convert("RGB"))


def read_distilled(files: Sequence[Path], normalization: str) -> tuple[DistilledSet, DatasetStats]:
    """Import a distilled set; returns it in memory, and its stats."""
    with tempfile.TemporaryDirectory() as folder:
        options = ImportOptions(name="set", role="distilled", normalization=normalization)
        stats = import_dataset(files, options, Path(folder), lambda done, total: None)
        stored = load_distilled(Path(folder))
        return DistilledSet(np.array(stored.images), np.array(stored.labels)), stats


def train_small_labeler(source: SourceSet, mean: Sequence[float], std: Sequence[float]) -> tuple[nn.Module, float]:
    """Train a ConvNetD3 by `LABELER` on images of 32 px; returns it with its accuracy on val, in percent."""
    with tempfile.TemporaryDirectory() as folder:
        rows = train_labeler(
            source,
            architecture="ConvNetD3",
            augmentation=AUGMENTATION,
            checkpoint_epochs=[LABELER["epochs"]],
            seed=0,
            mean=mean,
            std=std,
            device="cpu",
            out_dir=Path(folder),
            **LABELER,
        )
        labeler = build_model("ConvNetD3", num_classes=10, channels=len(mean), size=32, seed=0)
        labeler.load_state_dict(load_file(Path(folder) / str(rows[-1].checkpoint)))
    return labeler, rows[-1].val_accuracy


def label(source: SourceSet, distilled: Path) -> tuple[TrainingSet, float]:
    """Import the distilled set and write its dense labels; returns the set and the labeler's accuracy on val."""
    stored, stats = read_distilled([distilled], "cifar10")
    carried = stats.normalization.carried
    images = training_images(stored.images, MEAN, STD, carried)
    labeler, accuracy = train_small_labeler(source, MEAN, STD)
    grid = ViewGrid()
    dense = torch.from_numpy(generate_dense_labels(labeler, images, grid, "cpu"))
    return TrainingSet(images, torch.from_numpy(stored.labels), dense, grid), accuracy


def labelled_set(blob: Path, distilled: Path, prepared: Path) -> tuple[TrainingSet, TestSet, dict[str, Any]]:
    """The set with its dense labels (kept at `prepared`), the images to test on, and what results say of both."""
    source, images = read_source(blob)
    training_set, labeler_accuracy = kept_or_made(prepared, lambda: label(source, distilled))
    described = {
        "measured_on": measured_on("cpu"),
        "images": images,
        "distilled": distilled.name,
        "labeler": LABELER | {"val_accuracy": labeler_accuracy},
    }
    return training_set, TestSet(source.val_images, source.val_labels, MEAN, STD), described


def kept_results(out: Path) -> dict[str, Any]:
    """The results an earlier call has written, `trials` as {variant: {trial: accuracy in percent}}."""
    found: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {"trials": {}}
    return found


def run_missing(
    kept: dict[str, Any],
    out: Path,
    planned: Iterable[tuple[str, int]],
    deadline: float,
    accuracy_of: Callable[[str, int], float],
) -> None:
    """Run the planned trials (variant, trial) that are not there yet, and write the results after each.

    None begins after `deadline`, in seconds of `time.monotonic`.
    """
    for name, trial in planned:
        trials: dict[str, float] = kept["trials"].setdefault(name, {})
        if str(trial) in trials or time.monotonic() > deadline:
            continue
        trials[str(trial)] = accuracy_of(name, trial)
        out.write_text(json.dumps(kept, indent=1) + "\n")
        print(name, trial, trials[str(trial)], flush=True)


def run_trial(
    training_set: TrainingSet, test: TestSet, arm: str, architecture: str, trial: int, overrides: Mapping[str, Any]
) -> TrialResult:
    """Return the row of one trial under recipe `mtt` on ten classes; equal numbers of trials draw the same.

    They draw as the trials in `results/` did, by seed rule 1.
    """
    return evaluate_trial(
        training_set,
        test,
        ARMS[arm],
        architecture,
        trial=trial,
        recipe=resolve_recipe("mtt", architecture, {"seed_rule": 1, **overrides}),
        seed=0,
        device="cpu",
        num_classes=10,
    )
