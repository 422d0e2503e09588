"""Importer for bare tensors, as MTT, AST, GLaD, TESLA and DATM save them, or `.npy` files, under any names.

A 4-D tensor is images, a 1-D integer or 2-D one labels, a single float the learned learning rate (DATM's `lr_*.pt`).
Each may come in parts, which are joined in the natural order of their names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.ladd.importers.arrays import as_images, class_major_labels, stored_number
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import rejected, undecided
from workers.ladd.importers.reading.safe_numpy import read_npy
from workers.ladd.importers.reading.safe_torch import as_array, is_array, read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile, natural_key
from workers.ladd.importers.soft_labels import FORMAT_KINDS, ReadLabels, read_labels

_SOFT_FORMATS = {kind: format for format, kind in FORMAT_KINDS.items()}
_WHAT = {"array": "an .npy array"}
_UNWHITENED = re.compile(r"images_zca_")
"""MTT, AST and DATM: `images_zca_5000.pt` is the inverse transform of `images_5000.pt`, plain pixels."""

Named = list[tuple[str, NDArray[np.generic]]]


@dataclass
class _Roles:
    """The arrays of an upload by what they are, with the names of their files."""

    images: Named = field(default_factory=list)
    labels: Named = field(default_factory=list)
    rates: list[tuple[str, float]] = field(default_factory=list)


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise `.pt` files with a bare tensor each, and `.npy` files."""
    if not all(file.kind in ("tensors", "pickle", "array") for file in files):
        return None
    if not all(is_array(_content(file)) for file in files):
        return None
    return " and ".join(f"{file.path.name} is {_WHAT.get(file.kind, 'a bare tensor')}" for file in files)


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read the tensors.

    Raises ImportRejected with rule `distilled_only`, `tensor_roles`, `parts_match`, `one_reading` (parts of one set or
    several iterations of it?), or one of `arrays`' and `soft_labels`'.
    """
    options.require_distilled("bare tensors")
    roles = _roles(files)
    warnings: list[str] = []
    _check_parts(roles)
    images_location, labels_location = _joined_names(roles.images), _joined_names(roles.labels or roles.images)
    pixels = _joined([as_images(array, name) for name, array in roles.images], images_location)
    if roles.labels:
        labels = read_labels(_joined([array for _, array in roles.labels], labels_location), labels_location, options)
        format = "mtt" if labels.soft is None else _SOFT_FORMATS[labels.soft.kind]
    else:
        made = class_major_labels(len(pixels), options.num_classes, images_location)
        labels = ReadLabels(made, None, "no file holds labels, as AST saves none")
        format = "ast"
        warnings.append(
            "no labels were sent: the images are taken class by class, equally many each, as AST saves them"
        )
    split = Split(pixels, labels.hard, images_location, labels_location, None, labels.soft, labels.target_columns)
    warnings += labels.warnings
    return Imported(
        {DISTILLED_SPLIT: split},
        warnings=warnings,
        format=format,
        reasons=_reasons(roles, labels, format),
        unnormalized=_unwhitened(roles),
        stored_lr=roles.rates[0] if roles.rates else None,
    )


def _content(file: UploadedFile) -> object:
    return read_npy(file.path) if file.kind == "array" else read_torch(file.path)


def _roles(files: Sequence[UploadedFile]) -> _Roles:
    roles, others = _Roles(), []
    for file in files:
        content, name = _content(file), file.path.name
        if not is_array(content):
            found = described(content)
            message = f"the file must hold one tensor, nothing else; it holds {found}"
            raise rejected(name, "tensor_roles", found, message)
        array = as_array(content, name)
        if np.issubdtype(array.dtype, np.floating) and array.ndim < 2 and array.size == 1:
            roles.rates.append((name, stored_number(array)))
        elif array.ndim == 4:
            roles.images.append((name, array))
        elif array.ndim in (1, 2):
            roles.labels.append((name, array))
        else:
            others.append(f"{name}: {array.shape}")
    if not roles.images or len(roles.rates) > 1 or others:
        raise rejected(
            ", ".join(file.path.name for file in files),
            "tensor_roles",
            ", ".join(
                [f"{name}: {array.shape}" for name, array in roles.images + roles.labels]
                + [f"{name}: one number" for name, _ in roles.rates]
                + others
            ),
            "expected tensors of images (4 axes), of labels (1 axis, or 2 when soft) and at most one learning rate",
        )
    # stable: parts of equal names stay as they were sent
    roles.images.sort(key=lambda named: natural_key(named[0]))
    roles.labels.sort(key=lambda named: natural_key(named[0]))
    return roles


def _check_parts(roles: _Roles) -> None:
    """Require that several tensors of images are parts of one set, each with its labels."""
    if len(roles.images) == 1 and len(roles.labels) <= 1:
        return
    image_sizes, label_sizes = ([len(array) for _, array in parts] for parts in (roles.images, roles.labels))
    if len(roles.labels) > 1 and label_sizes != image_sizes:
        raise rejected(
            _joined_names(roles.labels),
            "parts_match",
            ", ".join(f"{name}: {len(array)}" for name, array in roles.images + roles.labels),
            "every part of the images needs the part of the labels of its size; both are taken in the order of their "
            "names",
        )
    if not _are_numbered(roles.images) and not _have_own_classes(roles.labels):
        raise undecided(
            _joined_names(roles.images),
            f"there are {len(roles.images)} tensors of images whose names do not count from 0 or 1",
            {
                "numbered names": "parts of one set, to be joined: call them images_0.pt, images_1.pt, ...",
                "one file": "iterations of one set (images_5000.pt, images_best.pt): send one alone",
            },
        )


def _are_numbered(parts: Named) -> bool:
    """Tell whether the last numbers in the names are 0, 1, ... or 1, 2, ..."""
    numbers = [re.findall(r"\d+", name) for name, _ in parts]
    last = [int(found[-1]) if found else -1 for found in numbers]
    return last in (list(range(len(parts))), list(range(1, len(parts) + 1)))


def _have_own_classes(parts: Named) -> bool:
    """Tell whether no class is in two parts: iterations of one set have all classes each."""
    if len(parts) < 2 or any(array.ndim != 1 for _, array in parts):
        return False
    classes = [set(array.tolist()) for _, array in parts]
    return all(one.isdisjoint(other) for one, other in combinations(classes, 2))


def _joined(arrays: list[NDArray[np.generic]], location: str) -> NDArray[np.generic]:
    """Join parts along the first axis; a single one is not copied."""
    if len(arrays) == 1:
        return arrays[0]
    if len({(array.shape[1:], array.dtype) for array in arrays}) > 1:
        shapes = ", ".join(f"{array.dtype} {array.shape}" for array in arrays)
        raise rejected(location, "parts_match", shapes, "parts must agree in type and in every axis but the first")
    joined: NDArray[np.generic] = np.concatenate(arrays)
    return joined


def _joined_names(parts: Named) -> str:
    return ", ".join(name for name, _ in parts)


def _reasons(roles: _Roles, labels: ReadLabels, format: str) -> list[str]:
    reasons = [labels.reason]
    if format == "mtt":
        reasons.append("GLaD saves the same layout, as does TESLA at iteration 0")
    if len(roles.images) > 1:
        reasons.append(f"{len(roles.images)} parts were joined: {_joined_names(roles.images)}")
    return reasons + [f"{name} is a single number, a learned learning rate" for name, _ in roles.rates]


def _unwhitened(roles: _Roles) -> str | None:
    if all(_UNWHITENED.search(name) for name, _ in roles.images):
        return f"{_joined_names(roles.images)}: `images_zca_*` is the inverse of the ZCA transform, plain pixels"
    return None
