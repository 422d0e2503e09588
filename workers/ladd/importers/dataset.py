"""From an upload to a set in our own form: read, checked, written, and described."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from api_schemas.datasets import ClassCount, DatasetRole, DatasetStats, Detection, ValueRange
from method.files import SOFT_LABELS
from method.normalizations import ZCA
from workers.ladd.importers import ImportOptions, read_upload
from workers.ladd.importers.channel_summary import ChannelSummary
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, Split
from workers.ladd.importers.normalization_choice import family_warnings, of_distilled, of_source
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.set_rules import check_classes, check_images, choose_learned_lr
from workers.ladd.importers.unwhitened import unwhiten
from workers.ladd.sets.npy_files import NpyWriter, iter_rows

_CHUNK_BYTES = 8 * 1024 * 1024


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
        imported, format_name, reason = read_upload(files, options, Path(scratch), partial(_report, progress, total))
        image_shape = check_images(imported, options)
        if options.normalization == ZCA and options.role is DatasetRole.DISTILLED:
            imported = unwhiten(imported, options, out_dir)
        names, naming = check_classes(imported, options)
        learned_lr = choose_learned_lr(options.learned_lr, imported.stored_lr, imported.warnings)
        summaries = _store(imported, out_dir, lambda part: progress(upload_bytes + int(upload_bytes * part), total))
    dtype = np.load(out_dir / _image_file(next(iter(imported.splits))), mmap_mode="r").dtype
    warnings = list(imported.warnings)
    if options.role is DatasetRole.SOURCE:
        normalization = of_source(options.normalization, summaries["train"])
    else:
        location = imported.splits[DISTILLED_SPLIT].images_location
        normalization, doubts = of_distilled(
            options.normalization, summaries[DISTILLED_SPLIT], dtype == np.uint8, location, imported.unnormalized
        )
        warnings += doubts + ([] if dtype == np.uint8 else family_warnings(options.normalization, format_name))
    soft = next((split.soft for split in imported.splits.values() if split.soft is not None), None)
    names_stored = [name for split in imported.splits for name in (_image_file(split), _label_file(split))]
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
        dtype="uint8" if dtype == np.uint8 else "float32",
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


def _report(progress: Callable[[int, int], None], total: int, done: int) -> None:
    progress(done, total)


def _image_file(split: str) -> str:
    return "images.npy" if split == DISTILLED_SPLIT else f"{split}_images.npy"


def _label_file(split: str) -> str:
    return "labels.npy" if split == DISTILLED_SPLIT else f"{split}_labels.npy"


def _store(imported: Imported, out_dir: Path, report: Callable[[float], None]) -> dict[str, ChannelSummary]:
    """Write every split; returns what its pixels look like."""
    rows = sum(len(split.labels) for split in imported.splits.values())
    done = 0
    summaries = {}
    for name, split in imported.splits.items():
        np.save(out_dir / _label_file(name), split.labels)
        if split.soft is not None:
            np.save(out_dir / SOFT_LABELS, split.soft.probabilities)
        path = out_dir / _image_file(name)
        channels = split.images.shape[3 if split.images.dtype == np.uint8 else 1]
        summary = summaries[name] = ChannelSummary(channels)
        chunks = _moved(split, path) if split.file is not None else _copied(split, path)
        for chunk in chunks:
            summary.add(chunk)
            done += len(chunk)
            report(done / rows)
    return summaries


def _moved(split: Split, path: Path) -> Iterable[NDArray[np.generic]]:
    assert split.file is not None
    split.file.rename(path)
    yield from iter_rows(path, _CHUNK_BYTES)


def _copied(split: Split, path: Path) -> Iterable[NDArray[np.generic]]:
    """Write images as uint8 or float32; raises ImportRejected with rule `finite_values`."""
    dtype = np.uint8 if split.images.dtype == np.uint8 else np.float32
    with NpyWriter(path, split.images.shape[1:], dtype) as writer:
        for chunk in _chunks(split.images):
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(chunk, dtype=dtype)
            if dtype == np.float32:
                _check_finite(rows, writer.rows, split.images_location)
            writer.append(rows)
            yield rows


def _check_finite(rows: NDArray[np.generic], start: int, location: str) -> None:
    broken = np.argwhere(~np.isfinite(cast(NDArray[np.float32], rows)))
    if len(broken):
        first = tuple(broken[0])
        raise rejected(
            location,
            "finite_values",
            f"{rows[first]} in image {start + first[0]}",
            f"image {start + first[0]} has a value that is not a finite float32 number",
        )


def _chunks(images: NDArray[np.generic]) -> Iterable[NDArray[np.generic]]:
    rows = max(1, _CHUNK_BYTES // (images[0].size * images.itemsize))
    for start in range(0, len(images), rows):
        yield images[start : start + rows]


def _digest(files: Iterable[Path]) -> str:
    """Digest over the sorted lines `name digest` of the files: equal content gives an equal digest."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"{file.name} {digest}\n".encode())
    return whole.hexdigest()
