"""Train one architecture on one arm of a set, once, and test it on the source set's val split."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from api_schemas.datasets import Dataset
from api_schemas.labelers import Labeler
from api_schemas.runner import DoneEvent, RunnerTask
from method import precisions, seed_rules
from method.arms import ARMS
from method.files import (
    DENSE_LABELS,
    FULL_LABELS,
    IMAGES,
    LABELS,
    MODEL,
    SOFT_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    WHITENING,
)
from method.recipes import RECIPES
from workers.ladd.deployment.cost import Surroundings
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.live_labels import LiveLabeler
from workers.ladd.deployment.training import CHECKPOINT_FILE
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.evaluation.lr_choice import held_out_rows
from workers.ladd.evaluation.progressive import Decision, open_question
from workers.ladd.evaluation.rows import accuracies, merge_trials
from workers.ladd.evaluation.trial import TestSet, evaluate_trial
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import Recipe, resolve_recipe
from workers.ladd.sets.whitening import Whitening
from workers.runner.labeler_files import network_of
from workers.runner.normalizations import applied, network_images, statistics_of_rows
from workers.runner.preemption import Preemption
from workers.runner.reporter import Reporter


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Run a trial, on from where an earlier attempt was saved; the result carries it as a row of the evaluation.

    A trial that is to confirm what cheaper ones have found is not run where these have decided: its row is None.
    """
    params = task.params
    progress = report.stage("confirm" if params.get("confirms") else "evaluate", "images")
    decided: dict[str, Any] = {}
    if params.get("confirms"):
        decision = _decision(task.documents)
        decided = {"decision": asdict(decision)}
        if not decision.open:
            return DoneEvent(event="done", files=[], result={"row": None, **decided})
    dataset = Dataset.model_validate(task.documents["dataset"])
    assert dataset.stats is not None
    fitted = task.inputs.get("whitening")
    whitening = None if fitted is None else Whitening.load(folder / fitted[WHITENING])
    val_images, val_labels = (_array(task, folder, "source", f"val_{name}.npy") for name in ("images", "labels"))
    preemption = Preemption()

    def saved() -> None:
        report.checkpoint([CHECKPOINT_FILE])
        preemption.end_if_asked()

    arm = ARMS[params["arm"]]
    row = evaluate_trial(
        _training_set(task, folder, dataset, whitening),
        _test_set(task, val_images, val_labels, whitening),
        arm,
        params["architecture"],
        trial=params["trial"],
        recipe=recipe_of(params, dataset.stats.num_images, dataset.stats.num_classes),
        seed=params["seed"],
        device=task.device,
        num_classes=dataset.stats.num_classes,
        explained_images=params["explained_images"],
        progress=progress,
        listener=Listener(
            on_checkpoint=saved,
            wants_checkpoint=preemption.is_asked,
            log=lambda message: report.log(message, "warning"),
        ),
        checkpoints=folder / "checkpoint",
        around=surroundings_of(task),
        held_out=_held_out(task, folder, dataset.stats.num_classes, whitening),
        on_trained=lambda model: _keep(model, params, folder / "outputs" / MODEL),
    )
    if whitening is None:
        row.recipe["normalization"] = applied(dataset, params, bool(arm.label_files) or arm.asks_labeler)
    if "labels_of" in params:
        row.recipe["labels_of"] = params["labels_of"]
    about = {"dataset": params["dataset"], "arm": params["arm"], "architecture": params["architecture"]}
    trial = {field: getattr(row.trial, field) for field in ("trial", "seed", "accuracy", "seconds")}
    report.row(about | {"views": row.recipe["views"], "epochs": row.epochs} | trial)
    found = {"dataset": params["dataset"], **asdict(row)}
    files = [MODEL] if params.get("keep_model") else []
    for name in files:
        content = (folder / "outputs" / name).read_bytes()
        found["trial"]["model"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return DoneEvent(event="done", files=files, result={"row": found, **decided})


def _keep(model: nn.Module, params: Mapping[str, Any], path: Path) -> None:
    """Write a network with what it takes to build and feed it, where the job keeps its networks."""
    if params.get("keep_model"):
        known = {name: params[name] for name in ("architecture", "arm", "trial", "mean", "std")}
        tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, path, metadata={"ladd": json.dumps(known, sort_keys=True)})


def recipe_of(params: Mapping[str, Any], images: int = 0, num_classes: int = 1) -> Recipe:
    """Return the recipe of a trial on a set with so many images, also of one that was planned by an earlier version."""
    overrides = {
        "precision": precisions.UNNAMED,
        "seed_rule": seed_rules.UNNAMED,
        # The average did not follow the epochs.
        "ema_beta": RECIPES[params["recipe"]].ema_beta or 0,
        **params["overrides"],
    }
    return resolve_recipe(
        params["recipe"], params["architecture"], overrides, params["learned_lr"], images, num_classes
    )


def surroundings_of(task: RunnerTask) -> Surroundings:
    """Return what is around a trial, also around one that was planned by an earlier version."""
    # Slots that begin together find nothing compiled: each compiles for its own part of the job.
    alike = max(1, task.params.get("alike", 1) // task.slots)
    return Surroundings(alike, task.params.get("rates", {}).get(task.device), task.sharers)


def _decision(documents: Mapping[str, Any]) -> Decision:
    """The answer of the trials before this one, which lie among its documents by the names of their tasks."""
    rows = merge_trials(document["row"] for name, document in documents.items() if name.startswith("evaluate:"))
    by_arm = {row.arm: accuracies(row) for row in rows}
    return open_question(by_arm["baseline"], by_arm["ladd"])


def _test_set(task: RunnerTask, images: NDArray[Any], labels: NDArray[Any], whitening: Whitening | None) -> TestSet:
    """Real images as the training images are: normalised on the way into the network, or whitened now."""
    prepared = images if whitening is None else whitening.whiten_pixels(images)
    return TestSet(prepared, labels, task.params["mean"], task.params["std"])


def _held_out(task: RunnerTask, folder: Path, num_classes: int, whitening: Whitening | None) -> TestSet | None:
    """Source images to choose a learning rate by, for an arm that does."""
    if not ARMS[task.params["arm"]].best_lr:
        return None
    labels = _array(task, folder, "source", TRAIN_LABELS)
    chosen = held_out_rows(labels, num_classes)
    images = _array(task, folder, "source", TRAIN_IMAGES)[chosen]
    return _test_set(task, images, labels[chosen], whitening)


def _training_set(task: RunnerTask, folder: Path, dataset: Dataset, whitening: Whitening | None) -> TrainingSet:
    assert dataset.stats is not None
    params = task.params
    augmentation = dataset.augmentation

    def soft_labels(file: str) -> torch.Tensor | None:
        if file not in task.inputs["dataset"]:
            return None
        return torch.from_numpy(np.array(_array(task, folder, "dataset", file)))

    real = ARMS[params["arm"]].images == "real"
    place, *files = ("source", TRAIN_IMAGES, TRAIN_LABELS) if real else ("dataset", IMAGES, LABELS)
    stored, labels = (_array(task, folder, place, file) for file in files)
    if whitening is None:
        images = network_images(stored, dataset.stats.normalization, params["mean"], params["std"], params)
    elif stored.dtype == np.uint8:
        images = whitening.whiten_pixels(stored)
    else:
        images = whitening.whiten(torch.from_numpy(np.array(stored)))
    return TrainingSet(
        images=images,
        labels=torch.from_numpy(np.array(labels)),
        dense_labels=soft_labels(DENSE_LABELS),
        grid=ViewGrid(augmentation.n, augmentation.ratio) if augmentation else None,
        full_labels=soft_labels(FULL_LABELS),
        soft_labels=soft_labels(SOFT_LABELS),
        border=params.get("border", 0),
        labeler=_labeler(task, folder, dataset) if ARMS[params["arm"]].asks_labeler else None,
    )


def _labeler(task: RunnerTask, folder: Path, dataset: Dataset) -> LiveLabeler:
    """The labeler at the checkpoint and the temperature that the set's dense labels are of."""
    assert dataset.stats is not None
    assert dataset.augmentation is not None
    epoch, temperature = dataset.augmentation.epoch, dataset.augmentation.temperature
    assert isinstance(epoch, int)
    assert isinstance(temperature, float)
    labeler = Labeler.model_validate(task.documents["labeler"])
    files = {name: folder / path for name, path in task.inputs["labeler"].items()}
    return LiveLabeler(
        network_of(labeler, files, epoch),
        labeler.forward_flops,
        temperature,
        of_rows=statistics_of_rows(dataset.stats.normalization, labeler.mean, labeler.std, task.params),
        own=(labeler.mean, labeler.std),
    )


def _array(task: RunnerTask, folder: Path, name: str, file: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(folder / task.inputs[name][file], mmap_mode="c", allow_pickle=False)
    return array
