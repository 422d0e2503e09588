"""Write the dense labels of a distilled set with a labeler, and pack the archive."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from api_schemas.datasets import Dataset
from api_schemas.labelers import Labeler
from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.accounting import labelling_flops
from workers.ladd.archive import read_archive, write_archive
from workers.ladd.dense_labels import WHOLE_IMAGE, generate_dense_labels
from workers.ladd.encodings import decode_checked
from workers.ladd.exports import write_export
from workers.ladd.models import build_model
from workers.ladd.normalization import training_images
from workers.ladd.storage import pixels_of, storage
from workers.ladd.stored_set import load_distilled
from workers.ladd.views import ViewGrid
from workers.runner.carried_statistics import carried_statistics
from workers.runner.reporter import Reporter
from workers.runner.versions import versions


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Write `dense_labels.npy`, `full_labels.npy`, `archive.zip` and its other forms.

    The result carries the storage counts and the FLOPs of labelling. Raises EncodingRefusedError for an encoding that
    loses too much.
    """
    dataset = Dataset.model_validate(task.documents["dataset"])
    labeler = Labeler.model_validate(task.documents["labeler"])
    assert dataset.stats is not None
    stored = load_distilled({name: folder / path for name, path in task.inputs["dataset"].items()})
    grid = ViewGrid(task.params["views"]["n"], task.params["views"]["ratio"])
    row = next(row for row in labeler.epochs if row.epoch == task.params["epoch"])
    assert row.checkpoint is not None
    shape = {"num_classes": labeler.num_classes, "channels": labeler.image_shape[0], "size": labeler.image_shape[1]}
    model = build_model(labeler.architecture, **shape, seed=0)
    weights = folder / task.inputs["labeler"][row.checkpoint]
    model.load_state_dict(load_file(weights))
    carried = carried_statistics(dataset.stats.normalization)
    images = training_images(stored.images, labeler.mean, labeler.std, carried)
    progress = report.stage("generate_labels", "views")
    whole, total = len(stored.images), len(stored.images) * (grid.count + 1)
    full_labels = generate_dense_labels(
        model, images, WHOLE_IMAGE, device=task.device, progress=lambda done, _: progress(done, total)
    )[:, 0]
    dense_labels = generate_dense_labels(
        model, images, grid, device=task.device, progress=lambda done, _: progress(whole + done, total)
    )
    outputs = folder / "outputs"
    # Networks train on what readers of the archive decode, so that the encoding's cost in accuracy is measured.
    encoding = task.params["encoding"]
    np.save(outputs / "dense_labels.npy", decode_checked(encoding, dense_labels))
    np.save(outputs / "full_labels.npy", full_labels)
    manifest = _manifest(task, dataset, labeler, hashlib.sha256(weights.read_bytes()).hexdigest())
    write_archive(
        outputs / "archive.zip",
        stored.images,
        stored.labels,
        dense_labels,
        full_labels,
        manifest,
        stored.soft_labels,
        encoding,
        task.params["images"],
    )
    pixels = pixels_of(stored.images, *(carried or (None, None)))
    counts = storage(
        pixels,
        stored.labels if stored.soft_labels is None else stored.soft_labels,
        dense_labels,
        outputs / "archive.zip",
        encoding,
    )
    files = ["archive.zip", "dense_labels.npy", "full_labels.npy"]
    if formats := task.params["formats"]:
        archive = read_archive(outputs / "archive.zip")
        for export_format in formats:
            files.append(f"archive.{export_format}")
            write_export(archive, export_format, outputs / files[-1])
    flops = labelling_flops(labeler.architecture, len(stored.images), grid.count + 1, **shape)
    return DoneEvent(event="done", files=files, result={"storage": counts, "flops": flops})


def _manifest(task: RunnerTask, dataset: Dataset, labeler: Labeler, weights_sha256: str) -> dict[str, Any]:
    """What the archive says about itself; nothing in it depends on when or where it was made."""
    assert dataset.stats is not None
    normalization = dataset.stats.normalization
    return {
        "views": task.params["views"],
        "normalization": {
            "name": normalization.name,
            "mean": task.params["mean"],
            "std": task.params["std"],
            "applied": normalization.applied,
        },
        "classes": [count.name for count in dataset.stats.class_counts],
        "distilled_set": {"name": dataset.name, "sha256": dataset.stats.sha256},
        "labeler": {
            "architecture": labeler.architecture,
            "epoch": task.params["epoch"],
            "recipe": labeler.recipe.model_dump(mode="json"),
            "mean": labeler.mean,
            "std": labeler.std,
            "weights_sha256": weights_sha256,
        },
        "versions": versions(),
    }
