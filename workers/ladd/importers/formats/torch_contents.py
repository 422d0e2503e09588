"""Importer for a `.pt` of tensors by name, or of one tensor of images for each class.

Names are those of `named_arrays`, in one dict or in one for each split; numpy arrays, lists of parts and a learning
rate as a plain number stand for tensors. By class: a list of tensors, or a dict whose keys number or name the classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from method.formats import SPLIT_WORDS
from workers.ladd.importers.arrays import as_images
from workers.ladd.importers.formats.named_arrays import CLASS_NAMES, NamedArrays, meaning, read_named
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_torch import Array, as_array, is_array, read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile

_SHOWN = 10
_LAYOUT = "expected a dict of tensors by name ('images', 'labels'), or a tensor of images for each class"


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one `.pt` file with tensors in a dict, or images by class."""
    if len(files) != 1 or files[0].kind not in ("tensors", "pickle"):
        return None
    content = read_torch(files[0].path)
    if _by_class(content) is not None:
        return f"{files[0].path.name} holds a tensor of images for each class"
    if isinstance(content, dict) and any(_is_data(value) for value in _flat(content).values()):
        return f"{files[0].path.name} is a dict of tensors by name"
    return None


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read a distilled or, from a dict with both splits, a source set.

    Raises ImportRejected with rule `one_file`, `torch_layout`, `holds_images` (the weights of a network),
    `parts_match`, or one of `named_arrays`'.
    """
    if len(files) != 1:
        raise rejected("files", "one_file", f"{len(files)} files", "a set of tensors by name is one file")
    path = files[0].path
    content = read_torch(path)
    by_class = _by_class(content)
    if by_class is not None:
        options.require_distilled("tensors by class")
        return _classes(path.name, by_class, options)
    if not isinstance(content, dict):
        found = described(content)
        raise rejected(path.name, "torch_layout", found, f"{_LAYOUT}; {path.name} holds {found}")
    values = _flat(content)
    if any(name.endswith(".weight") for name in values):
        message = f"{path.name} holds the weights of a network, no images; a labeler is imported by POST /v1/labelers"
        raise rejected(path.name, "holds_images", described(content), message)
    names = next((texts for key in CLASS_NAMES if (texts := _texts(values.get(key)))), None)
    if names is not None:
        values = {key: value for key, value in values.items() if key not in CLASS_NAMES}
    arrays = {key: described(value) for key, value in values.items()}
    named = NamedArrays(path.name, path.stat().st_size, arrays, lambda key: _array(f"{path.name}/{key}", values[key]))
    imported = read_named(named, options, progress)
    return imported if names is None else replace(imported, class_names=options.renamed(names, path.name))


def _flat(content: Mapping[object, object]) -> dict[str, object]:
    """Return the values of a dict by name, those in a dict for each split as `train/images`."""
    flat: dict[str, object] = {}
    for key, value in content.items():
        if isinstance(value, dict) and str(key).lower() in SPLIT_WORDS:
            flat |= {f"{key}/{inner}": each for inner, each in value.items()}
        else:
            flat[str(key)] = value
    return flat


def _is_data(value: object) -> bool:
    return is_array(value) or (isinstance(value, list | tuple) and any(is_array(v) for v in value))


def _texts(value: object) -> list[str]:
    """Return a list of texts; of anything else, none."""
    texts = [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
    return texts if isinstance(value, list | tuple) and len(texts) == len(value) else []


def _array(location: str, value: object) -> NDArray[np.generic]:
    """Return a tensor, a number, or a list of either (parts, joined along the first axis) as one array."""
    if is_array(value):
        return as_array(value, location)
    if isinstance(value, bool | int | float | np.generic):
        return np.asarray(value)
    if isinstance(value, list | tuple) and value and not any(isinstance(part, list | tuple) for part in value):
        parts = [_array(location, part) for part in value]
        if all(part.ndim == 0 for part in parts):
            return np.stack(parts)
        if len({part.shape[1:] for part in parts}) == 1 and all(part.ndim for part in parts):
            joined: NDArray[np.generic] = np.concatenate(parts)
            return joined
        message = f"the parts of {location} must agree in every axis but the first; they are {described(value)}"
        raise rejected(location, "parts_match", described(value), message)
    raise rejected(location, "torch_layout", described(value), f"{_LAYOUT}; {location} is {described(value)}")


def _by_class(content: object) -> list[tuple[str | None, Array]] | None:
    """Return (name, images) of each class, in label order, where a list or dict holds nothing else."""
    if isinstance(content, dict):
        keys, values = list(content), list(content.values())
        if all(isinstance(key, int) for key in keys):
            if sorted(keys) != list(range(len(keys))):
                return None
            values = [content[key] for key in sorted(keys)]
            keys = [None] * len(keys)
        elif not all(isinstance(key, str) and meaning(key) is None for key in keys):
            return None
    elif isinstance(content, list | tuple):
        keys, values = [None] * len(content), list(content)
    else:
        return None
    if len(values) < 2 or not all(is_array(value) and value.ndim == 4 for value in values):
        return None
    return list(zip(keys, values, strict=True))


def _classes(name: str, classes: Sequence[tuple[str | None, Array]], options: ImportOptions) -> Imported:
    keys = [key for key, _ in classes if key is not None]
    parts = [as_images(as_array(images, name), name) for _, images in classes]
    if len({(part.shape[1:], part.dtype) for part in parts}) > 1:
        found = described([images for _, images in classes])
        raise rejected(
            name, "parts_match", found, f"images of all classes must agree in type and size; they are {found}"
        )
    labels = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts])
    split = Split(np.concatenate(parts), labels, name, name)
    which = f"by its key: {', '.join(keys[:_SHOWN])}" if keys else "in their order"
    warning = f"each of the {len(parts)} tensors of {name} was taken for the images of a class, {which}"
    return Imported({DISTILLED_SPLIT: split}, options.renamed(keys, name) if keys else None, [warning])
