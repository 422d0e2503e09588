"""From an upload to a set in our own form: read, checked, written, and described."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api_schemas.datasets import ClassCount, DatasetRole, DatasetStats, Detection, ValueRange
from method.files import DISTILLED_FILES, SOFT_LABELS, TRAIN_IMAGES, TRAIN_LABELS, VAL_IMAGES, VAL_LABELS
from method.normalizations import ZCA
from workers.ladd.engine.micro_batch import slices
from workers.ladd.importers import ImportOptions, read_upload
from workers.ladd.importers.arrays import check_finite
from workers.ladd.importers.channel_summary import ChannelSummary
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, Split
from workers.ladd.importers.normalization_choice import family_warnings, of_distilled, of_source
from workers.ladd.importers.set_rules import check_classes, check_images, choose_learned_lr
from workers.ladd.importers.unwhitened import unwhiten
from workers.ladd.importers.without_effect import without_effect
from workers.ladd.sets.npy_files import NpyWriter, iter_rows

_CHUNK_BYTES = 8 * 1024 * 1024
_FILES = {DISTILLED_SPLIT: DISTILLED_FILES, "train": (TRAIN_IMAGES, TRAIN_LABELS), "val": (VAL_IMAGES, VAL_LABELS)}
"""Of each split: its images and its labels."""


def import_dataset(
    files: Sequence[Path], options: ImportOptions, out_dir: Path, progress: Callable[[int, int], None]
) -> DatasetStats:
    """Read an upload, check it, write it to `out_dir` in our form, and return its stats.

    `progress(done, total)` counts the bytes of the upload twice: when they are read and when they are checked.
    Raises ImportRejected with the broken rule; `out_dir` then holds nothing of use.
    """
    upload_bytes = sum(file.stat().st_size for file in files)
    total = 2 * upload_bytes
    with tempfile.TemporaryDirectory(dir=out_dir) as scratch:
        imported, format_name, reason = read_upload(files, options, Path(scratch), lambda done: progress(done, total))
        image_shape = check_images(imported, options)
        if options.normalization == ZCA and options.role is DatasetRole.DISTILLED:
            imported = unwhiten(imported, options, out_dir)
        names, naming = check_classes(imported, options)
        learned_lr = choose_learned_lr(options.learned_lr, imported.stored_lr, imported.warnings)
        summaries = _store(imported, out_dir, lambda part: progress(upload_bytes + int(upload_bytes * part), total))
    eight_bit = next(iter(imported.splits.values())).images.dtype == np.uint8
    warnings = [*imported.warnings, *without_effect(imported, format_name, options)]
    if options.role is DatasetRole.SOURCE:
        normalization = of_source(options.normalization, summaries["train"])
    else:
        location = imported.splits[DISTILLED_SPLIT].images_location
        normalization, doubts = of_distilled(
            options.normalization, summaries[DISTILLED_SPLIT], eight_bit, location, imported.unnormalized
        )
        warnings += doubts + ([] if eight_bit else family_warnings(options.normalization, format_name))
    soft = next((split.soft for split in imported.splits.values() if split.soft is not None), None)
    names_stored = [name for split in imported.splits for name in _FILES[split]]
    stored = sorted(out_dir / name for name in names_stored + ([SOFT_LABELS] if soft else []))
    progress(total, total)
    per_split = {name: np.bincount(split.labels, minlength=len(names)) for name, split in imported.splits.items()}
    per_class = np.sum(list(per_split.values()), axis=0)
    equal = options.role is DatasetRole.DISTILLED and per_class.min() == per_class.max()
    return DatasetStats(
        num_classes=len(names),
        ipc=int(per_class[0]) if equal else None,
        num_images=int(per_class.sum()),
        splits={name: len(split.labels) for name, split in imported.splits.items()},
        image_shape=image_shape,
        dtype="uint8" if eight_bit else "float32",
        sha256=_digest(stored),
        bytes=sum(file.stat().st_size for file in stored),
        class_counts=[
            ClassCount(
                label=label, name=name, images={split: int(counts[label]) for split, counts in per_split.items()}
            )
            for label, name in enumerate(names)
        ],
        class_naming=naming,
        value_range=ValueRange(
            minimum=float(min(summary.minimum.min() for summary in summaries.values())),
            maximum=float(max(summary.maximum.max() for summary in summaries.values())),
        ),
        soft_labels=soft.kind if soft else None,
        learned_lr=learned_lr,
        detection=Detection(format=format_name, reason=reason),
        normalization=normalization,
        warnings=warnings,
    )


def _store(imported: Imported, out_dir: Path, report: Callable[[float], None]) -> dict[str, ChannelSummary]:
    """Write every split; returns what its pixels look like."""
    rows = sum(len(split.labels) for split in imported.splits.values())
    done = 0
    summaries = {}
    for name, split in imported.splits.items():
        images_file, labels_file = _FILES[name]
        np.save(out_dir / labels_file, split.labels)
        if split.soft is not None:
            np.save(out_dir / SOFT_LABELS, split.soft.probabilities)
        path = out_dir / images_file
        channels = split.images.shape[3 if split.images.dtype == np.uint8 else 1]
        summary = summaries[name] = ChannelSummary(channels)
        if split.file is not None:
            split.file.rename(path)
        chunks = _copied(split, path) if split.file is None else iter_rows(path, _CHUNK_BYTES)
        for chunk in chunks:
            summary.add(chunk)
            done += len(chunk)
            report(done / rows)
    return summaries


def _copied(split: Split, path: Path) -> Iterable[NDArray[np.generic]]:
    """Write images as uint8 or float32; raises ImportRejected with rule `finite_values`."""
    dtype = np.uint8 if split.images.dtype == np.uint8 else np.float32
    with NpyWriter(path, split.images.shape[1:], dtype) as writer:
        for part in slices(len(split.images), max(1, _CHUNK_BYTES // split.images[0].nbytes)):
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(split.images[part], dtype=dtype)
            if dtype == np.float32:
                check_finite(rows, split.images_location, "image", "image", first=writer.rows)
            writer.append(rows)
            yield rows


def _digest(files: Iterable[Path]) -> str:
    """Digest over the sorted lines `name digest` of the files: equal content gives an equal digest."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"{file.name} {digest}\n".encode())
    return whole.hexdigest()
