"""Decode encoded images from strangers, and bring them to one size."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.file_kinds import kind_of
from workers.ladd.importers.reading.rejected import ImportRejected, rejected
from workers.ladd.models.torchvision_import import import_torchvision

Pixels = NDArray[np.uint8]
"""[H, W, 3]"""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm")
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "PPM")
_READABLE = "JPEG, PNG, BMP, WebP, PPM"
_GRAY_MODES = ("1", "L", "LA")
_MODES = (*_GRAY_MODES, "P", "RGB", "RGBA", "CMYK", "YCbCr")


def decode(data: bytes, location: str) -> tuple[Pixels, bool]:
    """Decode an image to RGB; the second value tells whether it was grayscale. EXIF rotation is not applied.

    Raises ImportRejected with rule `image_pixels` (judged by the header), `eight_bit_images` or `readable_image`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_header(image, location)
            return np.asarray(image.convert("RGB")), image.mode in _GRAY_MODES
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise rejected(location, "image_pixels", error, f"{error}") from error
    except ImportRejected:
        raise
    except UnidentifiedImageError as error:
        found = kind_of(data)
        raise rejected(location, "readable_image", found, f"not an image of {_READABLE}: {found}") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on broken files
        raise rejected(location, "readable_image", error, f"the image cannot be decoded: {error}") from error


def resize(pixels: Pixels, resolution: int, how: str, location: str) -> Pixels:
    """Bring an image to `resolution` x `resolution`.

    `center_crop`: shorter side to the resolution, then the middle square (GLaD, `get_dataset`); `squash`: both sides
    (MTT, `get_dataset`, whose Resize takes a pair). As there, the resize is bilinear on tensors without antialiasing
    (the default of the torchvision these code bases pin); here it ends in 8-bit pixels, rounded.
    """
    height, width = pixels.shape[:2]
    if (height, width) == (resolution, resolution):
        return pixels
    if max(height, width) > limits.ASPECT_RATIO * min(height, width):
        raise rejected(
            location,
            "aspect_ratio",
            f"{width}x{height}",
            f"an image to be resized may be {limits.ASPECT_RATIO} times as long as it is wide",
        )
    functional = import_torchvision("torchvision.transforms.v2.functional")
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1).to(torch.float32)
    if how == "squash":
        tensor = functional.resize(tensor, [resolution, resolution], antialias=False)
    else:
        tensor = functional.resize(tensor, [resolution], antialias=False)
        tensor = functional.center_crop(tensor, [resolution, resolution])
    resized: Pixels = tensor.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return resized


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: a resize of one small image is over before others could help."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check_header(image: Image.Image, location: str) -> None:
    if image.width * image.height > limits.IMAGE_PIXELS:
        raise rejected(
            location,
            "image_pixels",
            f"{image.width}x{image.height}",
            f"an image may have {limits.IMAGE_PIXELS} pixels, by its header",
        )
    if image.mode not in _MODES:
        raise rejected(
            location, "eight_bit_images", image.mode, f"images must have 8 bits per channel; this one is {image.mode}"
        )
