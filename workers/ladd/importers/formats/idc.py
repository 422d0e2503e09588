"""Importer for IDC's `data.pt`: a list [images, labels] of un-normalised pixels, whose images are mosaics.

Each image holds factor x factor tiles, which training cuts and upsamples to full size (IDC `decode_zoom`); IDC-I has
factor 1. The factor is not in the file. A set of many classes comes in several files, one per phase.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from workers.ladd.importers.arrays import as_images, as_labels
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import rejected, undecided
from workers.ladd.importers.reading.safe_torch import as_array, is_array, read_torch
from workers.ladd.importers.reading.uploaded_file import UploadedFile, natural_key
from workers.ladd.sets.npy_files import NpyWriter
from workers.ladd.sets.stored_set import Labels

PADDING = 0.5
"""Right and below, where the side is no multiple of the factor: mid-grey (IDC `decode_zoom`)."""
_CHUNK = 256


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise `.pt` files with a list or tuple of two tensors each."""
    if not all(file.kind in ("tensors", "pickle") for file in files):
        return None
    if not all(_is_pair(read_torch(file.path)) for file in files):
        return None
    return " and ".join(f"{file.path.name} is a pair of tensors, images and labels" for file in files)


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read the phases in order and cut the mosaics.

    Raises ImportRejected with rule `distilled_only`, `idc_layout`, `parts_match`, `one_reading` (no factor given, or
    phases whose labels start again), or one of `arrays`'.
    """
    options.require_distilled("IDC files")
    # stable: phases of equal names (`data.pt` of several folders) stay as they were sent
    ordered = sorted((file.path for file in files), key=lambda path: natural_key(path.name))
    phases = [_phase(path) for path in ordered]
    location = ", ".join(path.name for path in ordered)
    if len({images.shape[1:] for images, _ in phases}) > 1:
        shapes = ", ".join(str(images.shape) for images, _ in phases)
        raise rejected(location, "parts_match", shapes, "the images of all phases must have one shape")
    images = np.concatenate([images for images, _ in phases]) if len(phases) > 1 else phases[0][0]
    labels, reasons = _labels([labels for _, labels in phases], location, options)
    factor = _factor(location, images, options)
    if factor == 1:
        reasons.append("factor 1: images are whole (IDC-I)")
    else:
        reasons.append(f"factor {factor}: each image was cut into {factor}x{factor} tiles, upsampled to full size")
        images, labels = _cut(images, labels, factor, scratch / "idc.npy")
    return Imported(
        {DISTILLED_SPLIT: Split(images, labels, location, location)},
        format="idc",
        reasons=reasons,
        unnormalized="IDC saves pixels without normalization",
    )


def _is_pair(content: object) -> bool:
    """Tell [images, labels] from images by class, as which the second is neither."""
    if not isinstance(content, list | tuple) or len(content) != 2:
        return False
    return all(is_array(item) for item in content) and content[1].ndim < 4


def _phase(path: Path) -> tuple[NDArray[np.generic], Labels]:
    content = read_torch(path)
    if not isinstance(content, list | tuple) or not _is_pair(content):
        found = described(content)
        message = f"expected a list of two tensors, [images, labels]; {path.name} holds {found}"
        raise rejected(path.name, "idc_layout", found, message)
    images = as_images(as_array(content[0], path.name), path.name)
    labels = as_labels(as_array(content[1], path.name), path.name)
    if images.dtype == np.uint8:
        message = "the images of IDC are floats; send others as a dict, {'images': ..., 'labels': ...}"
        raise rejected(path.name, "idc_layout", images.dtype, message)
    if len(images) != len(labels):
        sizes = f"{len(labels)} labels, {len(images)} images"
        raise rejected(path.name, "labels_match_images", sizes, f"{path.name} has {sizes}")
    return images, labels


def _labels(phases: list[Labels], location: str, options: ImportOptions) -> tuple[Labels, list[str]]:
    """Join the labels of the phases: each phase may count its own classes from 0."""
    joined = np.concatenate(phases)
    if len(phases) == 1:
        return joined, []
    if not all(np.array_equal(np.unique(phase), np.unique(joined)) for phase in phases):
        return joined, [f"{len(phases)} phases were joined: {location}"]
    classes = int(joined.max()) + 1
    if options.num_classes == classes * len(phases):
        shifted = [phase + number * classes for number, phase in enumerate(phases)]
        return np.concatenate(shifted), [f"{len(phases)} phases of {classes} classes each were joined: {location}"]
    if options.num_classes == classes:
        return joined, [f"{len(phases)} files of the same {classes} classes were joined: {location}"]
    raise undecided(
        "metadata.class_map",
        f"each of the {len(phases)} files has labels 0 to {classes - 1}",
        {
            f"{classes * len(phases)} classes": "phases of different classes, counted on from file to file",
            f"{classes} classes": "more images of the same classes",
        },
    )


def _factor(location: str, images: NDArray[np.generic], options: ImportOptions) -> int:
    if options.factor is None:
        side = images.shape[2]
        raise undecided(
            "metadata.factor",
            f"the images of {location} have {side} pixels a side, and IDC does not save its factor",
            {"1": "whole images (IDC-I)"}
            | {str(f): f"mosaics of {f}x{f} tiles of {-(-side // f)} pixels (IDC)" for f in (2, 3)},
        )
    return options.factor


def _cut(images: NDArray[np.generic], labels: Labels, factor: int, path: Path) -> tuple[NDArray[np.generic], Labels]:
    """Cut mosaics into images of full size, class by class and in each class tile by tile, as IDC's `decode` does."""
    order = np.argsort(labels, kind="stable")
    with NpyWriter(path, images.shape[1:], np.float32) as writer:
        for label in np.unique(labels):
            members = order[labels[order] == label]
            for tile in range(factor**2):
                for rows in (members[start : start + _CHUNK] for start in range(0, len(members), _CHUNK)):
                    writer.append(_tile(images[rows], factor, *divmod(tile, factor)))
    cut: NDArray[np.generic] = np.load(path, mmap_mode="r")
    return cut, np.repeat(labels[order], factor**2)


def _tile(images: NDArray[np.generic], factor: int, row: int, column: int) -> NDArray[np.float32]:
    """Cut one tile of every image [n, C, H, W] and upsample it to H x W, bilinear without aligned corners."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused as such later
        pixels = torch.from_numpy(images.astype(np.float32))
    height, width = pixels.shape[2:]
    tall, wide = -(-height // factor), -(-width // factor)
    padded = F.pad(pixels, (0, wide * factor - width, 0, tall * factor - height), value=PADDING)
    tile = padded[:, :, row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
    upsampled: NDArray[np.float32] = F.interpolate(tile, size=(height, width), mode="bilinear").numpy()
    return upsampled
