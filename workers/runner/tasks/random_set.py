"""Make a set of real images picked at random, as many of each class as a distilled set has."""

import tempfile
from pathlib import Path

import numpy as np

from api_schemas.datasets import Dataset, DatasetRole, Detection
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import LABELS, PREVIEW, TRAIN_IMAGES, TRAIN_LABELS
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.preview import write_preview
from workers.ladd.sets.random_rows import pick_random_rows
from workers.runner.reporter import Reporter


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Write the set to `outputs/` in our form; the result carries its stats."""
    source = Dataset.model_validate(task.documents["source"])
    assert source.stats is not None
    names = [count.name for count in source.stats.class_counts]
    distilled, train_images, train_labels = (
        np.load(folder / task.inputs[name][file], mmap_mode="r", allow_pickle=False)
        for name, file in (("dataset", LABELS), ("source", TRAIN_IMAGES), ("source", TRAIN_LABELS))
    )
    seed = task.params["seed"]
    rows = pick_random_rows(train_labels, np.bincount(distilled, minlength=len(names)), seed)
    images, labels = train_images[rows], train_labels[rows]
    progress = report.stage("random_set", "images")
    options = ImportOptions(
        name="random images", role=DatasetRole.DISTILLED, format="npz", normalization="none"
    ).model_copy(update={"class_map": names})  # as they are: a request could not have names that long
    outputs = folder / "outputs"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        picked = Path(scratch) / "random_set.npz"
        np.savez(picked, images=images, labels=labels)
        stats = import_dataset(
            [picked], options, outputs, lambda done, total: progress(len(rows) * done // total, len(rows))
        )
    write_preview(images, labels, names, None, outputs / PREVIEW)
    reason = f"images of the train split of {source.id}, picked at random with seed {seed}"
    stats = stats.model_copy(update={"detection": Detection(format="random_set", reason=reason)})
    files = sorted(path.name for path in outputs.iterdir())
    return DoneEvent(event="done", files=files, result={"stats": stats.model_dump(mode="json")})
