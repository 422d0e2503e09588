"""Importer for archives of image files in class folders.

A source set has `train/<class>/<image>` and `val/<class>/<image>` (or another word for a split), a distilled set
`<class>/<image>`, either below a common top folder, in one or several zip, tar or tar.gz files. As Tiny-ImageNet and
ILSVRC are published, a class may have its images in a folder `images`, and the val split may lie in one folder, with a
list of its classes in or beside the archive. The folders of SRe2L, CDA, LPLD and RDED are numbered; which label a
folder has is decided by `class_order`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from method.formats import SPLIT_WORDS
from method.near_names import did_you_mean
from workers.ladd.importers.class_order import order_classes
from workers.ladd.importers.folder_writer import FolderWriter
from workers.ladd.importers.image_files import SUFFIXES, decode, one_thread, resize
from workers.ladd.importers.image_lists import LIST_BYTES, ImageList, is_list, read_list, stem
from workers.ladd.importers.imported import DISTILLED_SPLIT, SOURCE_SPLITS, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.member_names import is_litter
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_archive import iter_files
from workers.ladd.importers.reading.uploaded_file import UploadedFile
from workers.ladd.sets.stored_set import Labels

_INNER = ("images", "image", "imgs", "img")
"""A folder between a class, or a split without class folders, and its images."""


@dataclass
class _Found:
    """Besides the images in class folders: by split the names of those in none, lists of classes, other files."""

    flat: dict[str, list[str]] = field(default_factory=dict)
    lists: list[ImageList] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise archives that hold neither tensors nor arrays; lists of classes may be beside."""
    archives, lists = _sorted_out(files)
    if not archives or len(archives) + len(lists) < len(files):
        return None
    return " and ".join(f"{file.path.name} is an archive of files" for file in archives)


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Decode every image straight into one growing array per split.

    Raises ImportRejected with rule `class_folder_layout`, `one_image_size`, `source_has_train_and_val`,
    `splits_share_classes`, or one of the readers' and `class_order`'s.
    """
    lists = _sorted_out(files)[1]
    # Any other file is refused by the reader of archives.
    files = [file for file in files if file not in lists]
    archives = ", ".join(file.path.name for file in files)
    found = _Found(lists=[_listed(file.path.name, file.path.read_bytes) for file in lists])
    with FolderWriter(scratch) as writer, one_thread():
        start = 0
        for file in files:
            _read_archive(file.path, options, writer, found, progress, start)
            start += file.path.stat().st_size
    others = found.others
    warnings = [f"{len(others)} files are not images, such as {others[0]}"] if others else []
    _sort_flat(archives, writer, found, warnings)
    if not writer.folders:
        holds = f"; {archives} holds {len(others)} other files, such as {', '.join(others[:3])}" if others else ""
        message = f"no image files ({', '.join(SUFFIXES)}) in class folders{holds}"
        raise rejected(archives, "not_empty", "0 images", message)
    if options.role == "source":
        _choose_validation(archives, writer, warnings)
    order = order_classes(set(chain.from_iterable(writer.folders.values())), options, archives)
    splits = {}
    for split, folders in writer.folders.items():
        path = writer.finish(split)
        labels = _labels(folders, order.folders)
        splits[split] = Split(np.load(path, mmap_mode="r"), labels, archives, archives, file=path)
    return Imported(splits, order.names, warnings, format=order.format, reasons=[order.reason])


def _sorted_out(files: Sequence[UploadedFile]) -> tuple[list[UploadedFile], list[UploadedFile]]:
    """Return the archives and the lists of classes among these files."""
    archives = [file for file in files if file.kind == "archive"]
    return archives, [file for file in files if file.kind == "other" and is_list(file.path.name)]


def _listed(location: str, read: Callable[[], bytes]) -> ImageList:
    data = read()
    if len(data) > LIST_BYTES:
        raise rejected(location, "member_size", f"{len(data)} bytes", f"a list may have {LIST_BYTES} bytes")
    return read_list(location, data)


def _read_archive(
    path: Path, options: ImportOptions, writer: FolderWriter, found: _Found, progress: Progress, start: int
) -> None:
    top: list[str] | None = None
    for entry in iter_files(path):
        progress(start + entry.position)
        parts = [part for part in entry.name.split("/") if part not in ("", ".")]
        if not parts or is_litter(entry.name):
            continue
        location = f"{path.name}/{entry.name}"
        if options.role == "source" and is_list(parts[-1]):
            found.lists.append(_listed(location, entry.read))
            continue
        if not parts[-1].lower().endswith(SUFFIXES):
            found.others.append(location)
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
        if folder is None:
            found.flat.setdefault(split, []).append(stem(parts[-1]))
        writer.append(split if folder is not None else _flat(split), folder or "", pixels, gray, location)


def _flat(split: str) -> str:
    """Return what the images of a split are called until a list gives them classes."""
    return f"{split} in one folder"


def _place(parts: list[str], options: ImportOptions, location: str) -> tuple[str, str | None, list[str]]:
    """Return (split, class folder, folders above) of an image's path; no class folder where a list has the classes."""
    folders, words = parts[:-1], [SPLIT_WORDS.get(part.lower()) for part in parts[:-1]]
    inner = len(folders) > 1 and folders[-1].lower() in _INNER
    if inner:
        folders, words = folders[:-1], words[:-1]
    if options.role == "distilled" and folders:
        return DISTILLED_SPLIT, folders[-1], folders[:-1]
    if options.role == "source":
        flat = words[-1] if words else None
        in_class = words[-2] if len(words) > 1 and not (inner and flat) else None
        if in_class is not None:
            return in_class, folders[-1], folders[:-2]
        if flat is not None:
            return flat, None, folders[:-1]
    expected = "<class>/<image>"
    if options.role == "source":
        expected = f"train/{expected} and val/{expected}, or val/<image> with a list of classes (val_annotations.txt)"
    near = next(filter(None, (did_you_mean(folder, SPLIT_WORDS) for folder in folders)), "")
    message = f"expected {expected}, below one top folder; this is {'/'.join(parts)}{near}"
    raise rejected(location, "class_folder_layout", "/".join(parts), message)


def _sort_flat(archives: str, writer: FolderWriter, found: _Found, warnings: list[str]) -> None:
    """Give the images of splits without class folders the classes of a list; a test split without is left out."""
    classes = set(writer.folders.get("train", ()))
    for split, images in found.flat.items():
        fitting = next((each for each in found.lists if each.names_all(images, classes)), None)
        if fitting is not None and split not in writer.folders:
            writer.rename(_flat(split), split, [fitting.classes[image] for image in images])
            warnings.append(f"the classes of {split} are those of {fitting.location}")
        elif fitting is None and split == "test":
            writer.drop(_flat(split))
            warnings.append(f"{len(images)} images of test were left out, as no list has their classes")
        else:
            raise rejected(archives, "class_folder_layout", f"{split}/{images[0]}", _unlisted(split, images, found))


def _unlisted(split: str, images: list[str], found: _Found) -> str:
    lists = ", ".join(each.location for each in found.lists)
    why = f"{lists} does not give each a class folder of train" if lists else "no list is there that has their classes"
    return (
        f"{len(images)} images of {split} lie in no class folder, and {why}. Send {split}/<class>/<image>, or a list "
        "of lines 'image class', by the names of the class folders: val_annotations.txt (Tiny-ImageNet) or "
        "LOC_val_solution.csv (ILSVRC, Kaggle), in the archive or beside it"
    )


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
