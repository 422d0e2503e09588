"""Importer for archives of image files in class folders.

A source set has `train/<class>/<image>` and `val/<class>/<image>` (or `validation`, or `test`), a distilled set
`<class>/<image>`, either below a common top folder, in one or several zip, tar or tar.gz files. The folders of SRe2L,
CDA, LPLD and RDED are numbered; which label a folder has is decided by `class_order`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from workers.ladd.importers.class_order import order_classes
from workers.ladd.importers.folder_writer import FolderWriter
from workers.ladd.importers.image_files import SUFFIXES, decode, one_thread, resize
from workers.ladd.importers.imported import DISTILLED_SPLIT, SOURCE_SPLITS, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.member_names import is_litter
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_archive import iter_files
from workers.ladd.importers.reading.uploaded_file import UploadedFile
from workers.ladd.sets.stored_set import Labels

_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass
class _LeftOut:
    """Files that are not images."""

    files: int = 0
    example: str = ""


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise archives that hold neither tensors nor arrays."""
    if not all(file.kind == "archive" for file in files):
        return None
    return " and ".join(f"{file.path.name} is an archive of files" for file in files)


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Decode every image straight into one growing array per split.

    Raises ImportRejected with rule `class_folder_layout`, `one_image_size`, `source_has_train_and_val`,
    `splits_share_classes`, or one of the readers' and `class_order`'s.
    """
    archives = ", ".join(file.path.name for file in files)
    left_out = _LeftOut()
    with FolderWriter(scratch) as writer, one_thread():
        start = 0
        for file in files:
            _read_archive(file.path, options, writer, left_out, progress, start)
            start += file.path.stat().st_size
    warnings = [f"{left_out.files} files are not images, such as {left_out.example}"] if left_out.files else []
    if not writer.folders:
        raise rejected(archives, "not_empty", "0 images", f"no image files ({', '.join(SUFFIXES)}) in class folders")
    if options.role == "source":
        _choose_validation(archives, writer, warnings)
    order = order_classes(set(chain.from_iterable(writer.folders.values())), options, archives)
    splits = {}
    for split, folders in writer.folders.items():
        path = writer.finish(split)
        labels = _labels(folders, order.folders)
        splits[split] = Split(np.load(path, mmap_mode="r"), labels, archives, archives, file=path)
    return Imported(splits, order.names, warnings, format=order.format, reasons=[order.reason])


def _read_archive(
    path: Path, options: ImportOptions, writer: FolderWriter, left_out: _LeftOut, progress: Progress, start: int
) -> None:
    top: list[str] | None = None
    for entry in iter_files(path):
        progress(start + entry.position)
        parts = [part for part in entry.name.split("/") if part not in ("", ".")]
        if not parts or is_litter(entry.name):
            continue
        location = f"{path.name}/{entry.name}"
        if not parts[-1].lower().endswith(SUFFIXES):
            left_out.files += 1
            left_out.example = location
            continue
        split, folder, prefix = _place(parts, options, location)
        if top is not None and prefix != top:
            raise rejected(
                location,
                "class_folder_layout",
                "/".join(prefix) or "(no top folder)",
                f"class folders lie both in {'/'.join(top) or '(no top folder)'!r} and in {'/'.join(prefix)!r}",
            )
        top = prefix
        pixels, gray = decode(entry.read(), location)
        if options.resolution is not None:
            pixels = resize(pixels, options.resolution, options.resize, location)
        writer.append(split, folder, pixels, gray, location)


def _place(parts: list[str], options: ImportOptions, location: str) -> tuple[str, str, list[str]]:
    """Return (split, class folder, folders above) of an image's path."""
    if options.role == "distilled" and len(parts) >= 2:
        return DISTILLED_SPLIT, parts[-2], parts[:-2]
    if options.role == "source" and len(parts) >= 3 and parts[-3].lower() in _SPLIT_FOLDERS:
        return _SPLIT_FOLDERS[parts[-3].lower()], parts[-2], parts[:-3]
    expected = "<class>/<image>" if options.role == "distilled" else "train/<class>/<image> and val/<class>/<image>"
    raise rejected(location, "class_folder_layout", "/".join(parts), f"expected {expected}, below one top folder")


def _choose_validation(archives: str, writer: FolderWriter, warnings: list[str]) -> None:
    """Leave `train` and `val` in the writer: `test` stands in for a missing `val`, else it is left out."""
    if "test" in writer.folders:
        if "val" in writer.folders:
            writer.drop("test")
            warnings.append("the test split was left out: evaluation uses val")
        else:
            writer.rename("test", "val")
            warnings.append("there is no val split: evaluation uses test")
    if set(writer.folders) != set(SOURCE_SPLITS):
        raise rejected(
            archives,
            "source_has_train_and_val",
            ", ".join(writer.folders),
            "a source set needs images in train/ (for the labeler) and in val/ or test/ (for evaluation)",
        )
    train, val = (set(writer.folders[split]) for split in SOURCE_SPLITS)
    if train != val:
        raise rejected(
            archives,
            "splits_share_classes",
            ", ".join(sorted(train ^ val)),
            "every class folder must be in train and in val; these are in one of them only",
        )


def _labels(folders: Sequence[str], order: list[str]) -> Labels:
    index = {folder: label for label, folder in enumerate(order)}
    return np.fromiter((index[folder] for folder in folders), dtype=np.int64, count=len(folders))
