"""Importer for `.npz` files: `images` and `labels`, or such a pair for each split of a source set.

Names understood: images, image, x, data with labels, label, y, targets; splits train, val and test before or after
(`train_images` as MedMNIST writes, `x_train` as Keras does).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.ladd.importers.arrays import as_images, as_labels
from workers.ladd.importers.imported import DISTILLED_SPLIT, SOURCE_SPLITS, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.rejected import rejected
from workers.ladd.importers.safe_numpy import ArrayHeader, read_array, read_headers
from workers.ladd.importers.uploaded_file import UploadedFile

_IMAGES = ("images", "image", "x", "data")
_LABELS = ("labels", "label", "y", "targets")
_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one zip of `.npy` arrays."""
    if len(files) != 1 or files[0].kind != "arrays":
        return None
    return f"{files[0].path.name} is a zip of .npy arrays"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read a distilled or a source set.

    Raises ImportRejected with rule `npz_keys`, `source_has_train_and_val`, or one of the readers'.
    """
    if len(files) != 1:
        raise rejected("files", "npz_keys", f"{len(files)} files", "a set in .npz form is one file")
    path = files[0].path
    headers = read_headers(path)
    if options.role == "distilled":
        keys = {DISTILLED_SPLIT: _pair(path, headers, ("",))}
        warnings: list[str] = []
    else:
        keys, warnings = _source_keys(path, headers)
    splits = {}
    for done, (split, (images_key, labels_key)) in enumerate(keys.items(), start=1):
        images_location, labels_location = f"{path.name}/{images_key}", f"{path.name}/{labels_key}"
        splits[split] = Split(
            as_images(read_array(path, images_key, scratch), images_location),
            as_labels(read_array(path, labels_key, scratch), labels_location),
            images_location,
            labels_location,
        )
        progress(path.stat().st_size * done // len(keys))
    return Imported(splits, _class_names(path, headers, scratch), warnings)


def _source_keys(path: Path, headers: Mapping[str, ArrayHeader]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    keys = {}
    for split, names in _SPLITS.items():
        affixes = [affix for name in names for affix in (f"{name}_", f"_{name}")]
        if any(key in headers for key in _keys(affixes, _IMAGES) + _keys(affixes, _LABELS)):
            keys[split] = _pair(path, headers, affixes)
    warnings = []
    test = keys.pop("test", None)
    if test is not None and "val" in keys:
        warnings.append("the test split was left out: evaluation uses val")
    elif test is not None:
        keys["val"] = test
        warnings.append("there is no val split: evaluation uses test")
    if set(keys) != set(SOURCE_SPLITS):
        raise rejected(
            path.name,
            "source_has_train_and_val",
            ", ".join(headers),
            "a source set needs arrays for train (for the labeler) and for val or test (for evaluation)",
        )
    return keys, warnings


def _pair(path: Path, headers: Mapping[str, ArrayHeader], affixes: Sequence[str]) -> tuple[str, str]:
    """Return the keys of images and labels among those that carry one of the affixes."""
    found = []
    for names in (_IMAGES, _LABELS):
        wanted = _keys(affixes, names)
        matches = [key for key in wanted if key in headers]
        if len(matches) != 1:
            raise rejected(
                path.name,
                "npz_keys",
                ", ".join(headers),
                f"expected one array named {' or '.join(wanted)}; found {', '.join(matches) or 'none'}",
            )
        found.append(matches[0])
    return found[0], found[1]


def _keys(affixes: Sequence[str], names: Sequence[str]) -> list[str]:
    return [f"{affix}{name}" if affix.endswith("_") else f"{name}{affix}" for affix in affixes for name in names]


def _class_names(path: Path, headers: Mapping[str, ArrayHeader], scratch: Path) -> list[str] | None:
    header = headers.get("class_names")
    if header is None or header.dtype.kind != "U" or len(header.shape) != 1:
        return None
    return [str(name) for name in read_array(path, "class_names", scratch)]
