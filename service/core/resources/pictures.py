"""Single images of a set as PNG, read out of the stored arrays without loading them."""

import ast
import io
from array import array
from collections.abc import Iterable, Sequence

import png  # type: ignore[import-untyped]

from api_schemas.datasets import DatasetStats
from api_schemas.problems import ErrorCode
from method.files import IMAGES, LABEL_GRID, PREVIEW
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, not_found
from service.core.objects.storage import blob_key

_NPY_PREFIX = 10
"""Bytes of an npy file of version 1.0 before its header: the magic, the version, the header's length."""


def preview_url(core: Core, dataset: DatasetManifest) -> str:
    """Return a link to the preview. Raises ServiceError DATASET_NOT_READY for a set that has none yet."""
    preview = dataset.blobs.get(PREVIEW)
    if preview is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: there is no preview of it.")
    return core.storage.presign(blob_key(preview.sha256), f"{dataset.id}.png", "image/png")


def label_grid_url(core: Core, dataset: DatasetManifest) -> str:
    """Return a link to the picture of an image's dense labels. Raises ServiceError NO_ARCHIVE for a plain set."""
    picture = dataset.blobs.get(LABEL_GRID)
    if picture is None:
        raise ServiceError(ErrorCode.NO_ARCHIVE, f"{dataset.id} is not label-augmented, so it has no dense labels.")
    return core.storage.presign(blob_key(picture.sha256), f"dense-labels-{dataset.id}.png", "image/png")


def image_png(core: Core, dataset: DatasetManifest, split: str | None, index: int) -> bytes:
    """Return one stored image with its normalization undone, values that are no pixels clipped.

    `split` is `train` (also None) or `val` of a source set. Raises ServiceError NOT_FOUND for an image there is not,
    DATASET_NOT_READY for a set without stored images.
    """
    if dataset.stats is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: its images are not stored.")
    file = IMAGES if IMAGES in dataset.blobs else f"{split or 'train'}_images.npy"
    blob = dataset.blobs.get(file)
    if blob is None or (split is not None and file == IMAGES):
        raise not_found(f"split of {dataset.id}", str(split))
    key = blob_key(blob.sha256)
    prefix = core.storage.read_range(key, 0, _NPY_PREFIX)
    start = _NPY_PREFIX + int.from_bytes(prefix[8:10], "little")
    header = ast.literal_eval(core.storage.read_range(key, _NPY_PREFIX, start - _NPY_PREFIX).decode("latin1"))
    images, *shape = header["shape"]
    if not 0 <= index < images:
        raise not_found(f"image among the {images:,} of {dataset.id}", str(index))
    is_bytes = header["descr"] == "|u1"
    size = shape[0] * shape[1] * shape[2] * (1 if is_bytes else 4)
    raw = core.storage.read_range(key, start + index * size, size)
    return _encode(raw, shape) if is_bytes else _encode(_pixels(raw, shape, dataset.stats), [*shape[1:], shape[0]])


def _pixels(raw: bytes, shape: Sequence[int], stats: DatasetStats) -> bytes:
    """Return uint8 [H, W, C] of float32 [C, H, W]."""
    channels, height, width = shape
    values = array("f", raw)
    carried = stats.normalization if stats.normalization.applied else None
    pixels = bytearray(len(values))
    for channel in range(channels):
        std = 255 * (carried.std[channel] if carried and carried.std else 1.0)
        mean = 255 * (carried.mean[channel] if carried and carried.mean else 0.0)
        plane = values[channel * height * width : (channel + 1) * height * width]
        pixels[channel::channels] = bytes(min(255, max(0, round(value * std + mean))) for value in plane)
    return bytes(pixels)


def _encode(pixels: bytes, shape: Sequence[int]) -> bytes:
    height, width, channels = shape
    rows: Iterable[bytes] = (pixels[line * width * channels : (line + 1) * width * channels] for line in range(height))
    out = io.BytesIO()
    png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=8).write(out, rows)
    return out.getvalue()
