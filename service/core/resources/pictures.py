"""Single images of a set as PNG, read out of the stored arrays without loading them."""

import ast
import io
import math

from api_schemas.problems import ErrorCode
from method.files import IMAGES, LABEL_GRID, PREVIEW
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, not_found
from service.core.objects.storage import blob_key
from service.core.resources.datasets import manifest_of

_HEADER_BYTES = 1024
"""Read to find an npy file's header, which numpy writes in 128."""
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""How Pillow calls images of so many channels."""


def preview_url(core: Core, dataset_id: str) -> str:
    """Return a link to the preview. Raises ServiceError NOT_FOUND, DATASET_NOT_READY for a set that has none yet."""
    dataset = manifest_of(core, dataset_id)
    preview = dataset.blobs.get(PREVIEW)
    if preview is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: there is no preview of it.")
    return core.storage.presign(blob_key(preview.sha256), f"{dataset.id}.png", "image/png")


def label_grid_url(core: Core, dataset_id: str) -> str:
    """Return a link to the dense labels of one image. Raises ServiceError NOT_FOUND, NO_ARCHIVE for a plain set."""
    dataset = manifest_of(core, dataset_id)
    picture = dataset.blobs.get(LABEL_GRID)
    if picture is None:
        raise ServiceError(ErrorCode.NO_ARCHIVE, f"{dataset.id} is not label-augmented, so it has no dense labels.")
    return core.storage.presign(blob_key(picture.sha256), f"dense-labels-{dataset.id}.png", "image/png")


def image_png(core: Core, dataset_id: str, split: str | None, index: int) -> bytes:
    """Return one stored image with its normalization undone, values that are no pixels clipped.

    `split` is `train` (also None) or `val` of a source set. Raises ServiceError NOT_FOUND for a set or image there is
    not, DATASET_NOT_READY for a set without stored images.
    """
    dataset = manifest_of(core, dataset_id)
    if dataset.stats is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: its images are not stored.")
    file = IMAGES if IMAGES in dataset.blobs else f"{split or 'train'}_images.npy"
    blob = dataset.blobs.get(file)
    if blob is None or (split is not None and file == IMAGES):
        raise not_found(f"split of {dataset.id}", str(split))
    # A front that is asked for no image does without it.
    from PIL import Image

    key = blob_key(blob.sha256)
    # Format version 1.0: 8 bytes of magic, the header's length in 2, the header as a Python literal.
    head = core.storage.read_range(key, 0, _HEADER_BYTES)
    start = 10 + int.from_bytes(head[8:10], "little")
    header = ast.literal_eval(head[10:start].decode("latin-1"))
    images, *shape = header["shape"]
    if not 0 <= index < images:
        raise not_found(f"image among the {images:,} of {dataset.id}", str(index))
    floats = header["descr"] == "<f4"
    size = math.prod(shape) * (4 if floats else 1)
    stored = core.storage.read_range(key, start + index * size, size)
    if floats:  # [C, H, W]
        channels, height, width = shape
        planes = Image.frombytes("F", (width, channels * height), stored)
        mean, std = dataset.stats.normalization.carried or ([0.0] * channels, [1.0] * channels)
        picture = Image.merge(
            _MODES[channels],
            [
                # "L" clips what is no pixel and cuts off fractions, hence the half.
                planes.crop((0, channel * height, width, (channel + 1) * height))
                .point(lambda value, channel=channel: value * (255 * std[channel]) + (255 * mean[channel] + 0.5))
                .convert("L")
                for channel in range(channels)
            ],
        )
    else:  # [H, W, C]
        height, width, channels = shape
        picture = Image.frombytes(_MODES[channels], (width, height), stored)
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()
