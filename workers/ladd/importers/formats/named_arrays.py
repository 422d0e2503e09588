"""Sets made of named arrays, whatever file they are in: `images` and `labels`, or such a pair for each split.

Names understood: images, image, x, data with labels, label, y, targets; splits train, val and test before or after
(`train_images` as MedMNIST writes, `x_train` as Keras does); for a distilled set lr, learned_lr or syn_lr beside them.
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.ladd.importers.arrays import as_images, stored_number
from workers.ladd.importers.imported import DISTILLED_SPLIT, SOURCE_SPLITS, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.soft_labels import read_labels

_IMAGES = ("images", "image", "x", "data")
_LABELS = ("labels", "label", "y", "targets")
_RATES = ("lr", "learned_lr", "syn_lr")
_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def read_named(
    file: str,
    names: Collection[str],
    get: Callable[[str], NDArray[np.generic]],
    options: ImportOptions,
    progress: Progress,
    size: int,
) -> Imported:
    """Read a distilled or a source set out of `file` (its name), of `size` bytes, whose arrays `get` returns by name.

    Raises ImportRejected with rule `array_names`, `source_has_train_and_val`, or one of `arrays`'
    and `soft_labels`'.
    """
    warnings: list[str] = []
    if options.role == "distilled":
        keys = {DISTILLED_SPLIT: _pair(file, names, ("",))}
    else:
        keys = _source_keys(file, names, warnings)
    splits, reasons = {}, []
    for done, (split, (images_key, labels_key)) in enumerate(keys.items(), start=1):
        images_location, labels_location = f"{file}/{images_key}", f"{file}/{labels_key}"
        labels = read_labels(get(labels_key), labels_location, options)
        splits[split] = Split(
            as_images(get(images_key), images_location),
            labels.hard,
            images_location,
            labels_location,
            soft=labels.soft,
            target_columns=labels.target_columns,
        )
        warnings += labels.warnings
        reasons.append(labels.reason)
        progress(size * done // len(keys))
    stored_lr = _stored_lr(file, names, get) if options.role == "distilled" else None
    return Imported(splits, warnings=warnings, reasons=reasons, stored_lr=stored_lr)


def _stored_lr(
    file: str, names: Collection[str], get: Callable[[str], NDArray[np.generic]]
) -> tuple[str, float] | None:
    key = next((key for key in _RATES if key in names), None)
    if key is None:
        return None
    rate = get(key)
    if rate.size != 1 or not np.issubdtype(rate.dtype, np.floating):
        raise rejected(
            f"{file}/{key}", "array_names", f"{rate.dtype} {rate.shape}", "a learning rate is a single float"
        )
    return f"{file}/{key}", stored_number(rate)


def _source_keys(file: str, names: Collection[str], warnings: list[str]) -> dict[str, tuple[str, str]]:
    keys = {}
    for split, words in _SPLITS.items():
        affixes = [affix for word in words for affix in (f"{word}_", f"_{word}")]
        if any(key in names for key in _keys(affixes, _IMAGES) + _keys(affixes, _LABELS)):
            keys[split] = _pair(file, names, affixes)
    test = keys.pop("test", None)
    if test is not None and "val" in keys:
        warnings.append("the test split was left out: evaluation uses val")
    elif test is not None:
        keys["val"] = test
        warnings.append("there is no val split: evaluation uses test")
    if set(keys) != set(SOURCE_SPLITS):
        raise rejected(
            file,
            "source_has_train_and_val",
            ", ".join(names),
            "a source set needs arrays for train (for the labeler) and for val or test (for evaluation)",
        )
    return keys


def _pair(file: str, names: Collection[str], affixes: Sequence[str]) -> tuple[str, str]:
    """Return the names of images and labels among those that carry one of the affixes."""
    found = []
    for words in (_IMAGES, _LABELS):
        wanted = _keys(affixes, words)
        matches = [key for key in wanted if key in names]
        if len(matches) != 1:
            raise rejected(
                file,
                "array_names",
                ", ".join(names),
                f"expected one array named {' or '.join(wanted)}; found {', '.join(matches) or 'none'}",
            )
        found.append(matches[0])
    return found[0], found[1]


def _keys(affixes: Sequence[str], words: Sequence[str]) -> list[str]:
    return [f"{affix}{word}" if affix.endswith("_") else f"{word}{affix}" for affix in affixes for word in words]
