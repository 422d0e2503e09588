"""Read an uploaded set and re-write it into our own form: no later task sees a user's bytes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from api_schemas.datasets import Augmentation, Dataset, DatasetStats
from api_schemas.runner import DoneEvent, RunnerTask
from method.files import ARCHIVE, DENSE_LABELS, FULL_LABELS, PREVIEW, TRAIN_IMAGES
from workers.ladd.archive.archive import write_archive
from workers.ladd.importers import ImportOptions, KnownSource
from workers.ladd.importers.dataset import import_upload
from workers.ladd.importers.imported import Augmented
from workers.ladd.importers.own_manifest import OwnManifest
from workers.ladd.labels.encodings import decode_checked
from workers.ladd.sets.preview import write_preview
from workers.ladd.sets.stored_set import load_distilled
from workers.runner.reporter import Reporter
from workers.runner.uploaded_files import with_their_names


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """Import the uploaded files into `outputs/`; the result carries the set's stats.

    Raises:
        ImportRejected: the files break a rule.
    """
    options = ImportOptions(**task.params["metadata"], source=_known_source(task, folder))
    outputs = folder / "outputs"
    progress = report.stage("ingest", "bytes")
    with _at_most(task.small_seconds):
        stats, augmented = import_upload(with_their_names(task, folder), options, outputs, progress)
    _write_preview(outputs, stats)
    result = {"stats": stats.model_dump(mode="json")}
    if augmented is not None:
        result["augmentation"] = _write_labels(outputs, stats, augmented).model_dump(mode="json")
    files = sorted(path.name for path in outputs.iterdir())
    return DoneEvent(event="done", files=files, result=result)


@contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """Have SIGPROF end this process if what is inside takes more processor time; None: it may take any.

    By the system's own clock: no reader has to look at one, and none can hold up what would.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds or 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _write_labels(outputs: Path, stats: DatasetStats, augmented: Augmented) -> Augmentation:
    """Write the labels that came with an archive, and the archive again."""
    manifest = augmented.manifest
    paths = {path.name: path for path in outputs.glob("*.npy")}
    stored = load_distilled(paths)
    np.save(outputs / DENSE_LABELS, decode_checked(manifest.encoding, augmented.dense_labels))
    np.save(outputs / FULL_LABELS, augmented.full_labels)
    described = manifest.model_dump(mode="json", exclude_unset=True)
    described["classes"] = [count.name for count in stats.class_counts]
    image_format = manifest.image_format if stats.dtype == "uint8" else "npy"
    write_archive(
        outputs / ARCHIVE,
        stored.images,
        stored.labels,
        augmented.dense_labels,
        augmented.full_labels,
        described,
        stored.soft_labels,
        manifest.encoding,
        image_format,
    )
    return Augmentation(
        parent=None,
        labeler=None,
        epoch=_of_members(manifest, "epoch", int),
        temperature=_of_members(manifest, "temperature", float),
        n=manifest.views.n,
        ratio=manifest.views.ratio,
        encoding=manifest.encoding,
    )


def _of_members(manifest: OwnManifest, field: str, kind: type) -> Any:
    """Return what the manifest tells of the labeler, or by member of an ensemble; None where it does not."""
    told = [member.get(field) for member in manifest.labelers]
    if not told or not all(isinstance(value, int | kind) and not isinstance(value, bool) for value in told):
        return None
    return told[0] if len(told) == 1 else told


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
