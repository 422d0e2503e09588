"""Sets made of named arrays, whatever file they are in: `images` and `labels`, or such a pair for each split.

Names are read word by word: one for what an array is (`_KINDS`), one for its split (`train_images` as MedMNIST has it,
`x_train` as Keras), and some that add nothing (`syn_imgs`). A distilled set may have a learning rate beside, `lr`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from method.formats import SPLIT_WORDS
from method.near_names import did_you_mean
from workers.ladd.importers.arrays import as_images, stored_number
from workers.ladd.importers.imported import DISTILLED_SPLIT, SOURCE_SPLITS, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.soft_labels import read_labels

_KINDS = {
    "images": ("images", "image", "imgs", "img", "x", "data", "inputs", "pixel_values"),
    "labels": ("labels", "label", "y", "targets", "target"),
    "rate": ("lr",),
}
_MEANINGS = {word: kind for kind, words in _KINDS.items() for word in words}
CLASS_NAMES = ("class_names", "classes")
"""Keys of the names of the classes."""
_ADD_NOTHING = ("syn", "synthetic", "distilled", "condensed", "learned", "best")


@dataclass(frozen=True)
class NamedArrays:
    """The arrays of `file` (its name), of `size` bytes: how each looks, by its name, and what returns it."""

    file: str
    size: int
    arrays: Mapping[str, str]
    get: Callable[[str], NDArray[np.generic]]


def meaning(name: str) -> tuple[str, str] | None:
    """Return (split, kind) of an array's name, split "" where it names none; None where it means neither.

    Of folders before it (`run/train/images`) only those count that are called by a split.
    """
    *folders, last = name.split("/")
    told_by = [*(folder for folder in folders if folder.lower() in SPLIT_WORDS), last]
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", " ".join(told_by))
    told = [word.lower() for word in words if word.lower() not in _ADD_NOTHING]
    splits = [SPLIT_WORDS[word] for word in told if word in SPLIT_WORDS]
    kind = _MEANINGS.get("_".join(word for word in told if word not in SPLIT_WORDS))
    return None if kind is None or len(splits) > 1 else ("".join(splits), kind)


def read_named(named: NamedArrays, options: ImportOptions, progress: Progress) -> Imported:
    """Read a distilled or a source set.

    Raises ImportRejected with rule `array_names`, `source_has_train_and_val`, or one of `arrays`' and `soft_labels`'.
    """
    warnings: list[str] = []
    keys = _keys(named, options, warnings)
    splits, reasons = {}, []
    for done, (split, (images_key, labels_key)) in enumerate(keys.items(), start=1):
        images_location, labels_location = f"{named.file}/{images_key}", f"{named.file}/{labels_key}"
        labels = read_labels(named.get(labels_key), labels_location, options)
        splits[split] = Split(
            as_images(named.get(images_key), images_location),
            labels.hard,
            images_location,
            labels_location,
            soft=labels.soft,
            target_columns=labels.target_columns,
        )
        warnings += labels.warnings
        reasons.append(labels.reason)
        progress(named.size * done // len(keys))
    if unused := [key for key in named.arrays if meaning(key) is None and key not in CLASS_NAMES]:
        warnings.append(f"{named.file} also holds what a set has no use for: {', '.join(unused)}")
    stored_lr = _stored_lr(named) if options.role == "distilled" else None
    return Imported(splits, warnings=warnings, reasons=reasons, stored_lr=stored_lr)


def _keys(named: NamedArrays, options: ImportOptions, warnings: list[str]) -> dict[str, tuple[str, str]]:
    """Return the names of images and labels of each split."""
    if options.role == "distilled":
        return {DISTILLED_SPLIT: _pair(named, "")}
    present = {found[0] for key in named.arrays if (found := meaning(key)) and found[1] != "rate"}
    test = "test" in present
    if test and "val" in present:
        warnings.append("the test split was left out: evaluation uses val")
    elif test:
        warnings.append("there is no val split: evaluation uses test")
    if "train" not in present or not present & {"val", "test"}:
        raise rejected(
            named.file,
            "source_has_train_and_val",
            ", ".join(named.arrays),
            "a source set needs arrays for train (for the labeler) and for val or test (for evaluation), such as "
            f"train_images, train_labels, test_images and test_labels; {_found(named)}",
        )
    return {split: _pair(named, "test" if split not in present else split) for split in SOURCE_SPLITS}


def _pair(named: NamedArrays, split: str) -> tuple[str, str]:
    """Return the names of images and labels of one split."""
    images, labels = (_only(named, split, kind) for kind in ("images", "labels"))
    return images, labels


def _only(named: NamedArrays, split: str, kind: str) -> str:
    matches = [key for key in named.arrays if meaning(key) == (split, kind)]
    if len(matches) == 1:
        return matches[0]
    wanted = [f"{split}_{word}" if split else word for word in _KINDS[kind]]
    fault = f"{' and '.join(matches)} are there" if matches else "there is none"
    near = next(filter(None, (did_you_mean(key, wanted) for key in named.arrays if meaning(key) is None)), "")
    raise rejected(
        named.file,
        "array_names",
        ", ".join(named.arrays),
        f"expected one array of {kind}, named {' or '.join(wanted)}; {fault}. {_found(named)}{near}",
    )


def _found(named: NamedArrays) -> str:
    return f"{named.file} holds {', '.join(f'{key}: {how}' for key, how in named.arrays.items()) or 'no arrays'}"


def _stored_lr(named: NamedArrays) -> tuple[str, float] | None:
    key = next((key for key in named.arrays if meaning(key) == ("", "rate")), None)
    if key is None:
        return None
    location, rate = f"{named.file}/{key}", named.get(key)
    if rate.size != 1 or not np.issubdtype(rate.dtype, np.floating):
        raise rejected(location, "array_names", f"{rate.dtype} {rate.shape}", "a learning rate is a single float")
    return location, stored_number(rate)
