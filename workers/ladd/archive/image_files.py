"""8-bit images as files: PNG, or lossless WebP for images of three channels."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_CHANNELS = {"png": (1, 3), "webp": (3,)}
IMAGE_FILES = tuple(_CHANNELS)


def write_image(image: NDArray[np.generic], image_format: str) -> bytes:
    """Return an image uint8 [H, W, C] as a file without loss.

    Raises ValueError for floats, or for another number of channels than 1 (PNG alone) or 3.
    """
    channels = _CHANNELS[image_format]
    if image.dtype != np.uint8 or image.shape[2] not in channels:
        needed = " or ".join(map(str, channels))
        raise ValueError(f"{image_format} needs uint8 [H, W, {needed}]; got {image.dtype} {list(image.shape)}")
    buffer = io.BytesIO()
    picture = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
    picture.save(buffer, image_format, **({"lossless": True} if image_format == "webp" else {}))
    return buffer.getvalue()


def read_image_files(files: Sequence[bytes]) -> NDArray[np.uint8]:
    """Return files that `write_image` made as uint8 [M, H, W, C]."""
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return images.reshape(*images.shape[:3], -1)
