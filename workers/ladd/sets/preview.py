"""A set at a glance: the first images of its first classes in one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES, PER_CLASS = 10, 10
"""Lines and columns at most."""

GAP = 2
"""White pixels between two images."""


def write_preview(
    images: NDArray[np.generic],
    labels: NDArray[np.int64],
    carried: tuple[Sequence[float], Sequence[float]] | None,
    path: Path,
) -> None:
    """Write a PNG with a line for each of the first classes that have images.

    `images` is uint8 [M, H, W, C] or float32 [M, C, H, W], which carries the mean and std `carried` (None: it is on the
    [0, 1] scale); values that are no pixels are clipped.
    """
    classes = np.unique(labels)[:CLASSES]
    chosen = [np.flatnonzero(labels == label)[:PER_CLASS] for label in classes]
    pixels = [[as_pixels(images[place], carried) for place in places] for places in chosen]
    height, width, channels = pixels[0][0].shape
    columns = max(map(len, pixels))
    shape = (len(pixels) * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels)
    canvas = np.full(shape, 255, dtype=np.uint8)
    for line, row in enumerate(pixels):
        for column, image in enumerate(row):
            top, left = line * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = image
    Image.fromarray(canvas.squeeze(axis=2) if channels == 1 else canvas[..., :3]).save(path, "PNG")


def as_pixels(image: NDArray[np.generic], carried: tuple[Sequence[float], Sequence[float]] | None) -> NDArray[np.uint8]:
    """Return uint8 [H, W, C] of one stored image."""
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.uint8)
    values = image.astype(np.float32).transpose(1, 2, 0)
    if carried is not None:
        mean, std = (np.asarray(each, dtype=np.float32) for each in carried)
        values = values * std + mean
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
