"""Train one architecture on one arm of a set, several trials, and test it on the source set's val split."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from api_schemas.datasets import Dataset
from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.arms import ARMS
from workers.ladd.deployment import TrainingSet
from workers.ladd.evaluation import TestSet, evaluate_arm
from workers.ladd.normalization import training_images
from workers.ladd.recipes import resolve_recipe
from workers.ladd.views import ViewGrid
from workers.runner.carried_statistics import carried_statistics
from workers.runner.reporter import Reporter

FINISHED = "trials.json"


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Run the trials that no earlier attempt finished; the result carries one row of the evaluation."""
    params = task.params
    dataset = Dataset.model_validate(task.documents["dataset"])
    assert dataset.stats is not None
    finished_file = folder / "checkpoint" / FINISHED
    finished: list[dict[str, Any]] = json.loads(finished_file.read_text()) if finished_file.exists() else []

    def keep(trial: dict[str, Any]) -> None:
        finished.append(trial)
        newer = finished_file.with_suffix(".new")
        newer.write_text(json.dumps(finished))
        newer.replace(finished_file)
        report.checkpoint([FINISHED])
        about = {"dataset": params["dataset"], "arm": params["arm"], "architecture": params["architecture"]}
        report.row(about | {key: trial[key] for key in ("trial", "seed", "accuracy", "seconds")})

    row = evaluate_arm(
        _training_set(task, folder, dataset),
        TestSet(
            images=_array(task, folder, "source", "val_images.npy"),
            labels=_array(task, folder, "source", "val_labels.npy"),
            mean=params["mean"],
            std=params["std"],
        ),
        ARMS[params["arm"]],
        params["architecture"],
        trials=params["trials"],
        recipe=resolve_recipe(params["recipe"], params["architecture"], params["overrides"], params["learned_lr"]),
        seed=params["seed"],
        device=task.device,
        num_classes=dataset.stats.num_classes,
        finished=list(finished),
        progress=report.stage("evaluate", "images"),
        on_trial=keep,
    )
    return DoneEvent(event="done", files=[], result={"row": {"dataset": params["dataset"], **row}})


def _training_set(task: RunnerTask, folder: Path, dataset: Dataset) -> TrainingSet:
    assert dataset.stats is not None
    params = task.params
    carried = carried_statistics(dataset.stats.normalization)
    has_views = "dense_labels.npy" in task.inputs["dataset"]
    augmentation = dataset.augmentation if has_views else None
    return TrainingSet(
        images=training_images(_array(task, folder, "dataset", "images.npy"), params["mean"], params["std"], carried),
        labels=torch.from_numpy(np.array(_array(task, folder, "dataset", "labels.npy"))),
        dense_labels=torch.from_numpy(np.array(_array(task, folder, "dataset", "dense_labels.npy")))
        if augmentation
        else None,
        grid=ViewGrid(augmentation.n, augmentation.ratio) if augmentation else None,
    )


def _array(task: RunnerTask, folder: Path, name: str, file: str) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.load(folder / task.inputs[name][file], mmap_mode="c", allow_pickle=False)
    return array
