"""Read an uploaded set and re-write it into our own form: no later task sees a user's bytes."""

from pathlib import Path

import numpy as np

from api_schemas.datasets import Dataset, DatasetStats
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import PREVIEW, TRAIN_IMAGES
from workers.ladd.importers import ImportOptions, KnownSource
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.preview import write_preview
from workers.runner.reporter import Reporter
from workers.runner.uploaded_files import with_their_names


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Import the uploaded files into `outputs/`; the result carries the set's stats.

    Raises:
        ImportRejected: the files break a rule.
    """
    options = ImportOptions(**task.params["metadata"], source=_known_source(task, folder))
    outputs = folder / "outputs"
    stats = import_dataset(with_their_names(task, folder), options, outputs, report.stage("ingest", "bytes"))
    _write_preview(outputs, stats)
    files = sorted(path.name for path in outputs.iterdir())
    return DoneEvent(event="done", files=files, result={"stats": stats.model_dump(mode="json")})


def _write_preview(outputs: Path, stats: DatasetStats) -> None:
    prefix = "train_" if (outputs / TRAIN_IMAGES).exists() else ""
    images, labels = (np.load(outputs / f"{prefix}{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    names = [count.name for count in stats.class_counts]
    write_preview(images, labels, names, stats.normalization.carried, outputs / PREVIEW)


def _known_source(task: RunnerTask, folder: Path) -> KnownSource | None:
    """The source set by its document, None while it is validating."""
    document = task.documents.get("source")
    stats = None if document is None else Dataset.model_validate(document).stats
    if stats is None:
        return None
    train_images = task.inputs["source"].get(TRAIN_IMAGES)
    return KnownSource(
        class_names=[count.name for count in stats.class_counts],
        side=stats.image_shape[1],
        train_images=None if train_images is None else folder / train_images,
    )
