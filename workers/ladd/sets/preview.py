"""A set at a glance: the first images of its first classes in one picture, under the names of the classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LINES, COLUMNS = 10, 10
"""Lines, and images in a line, at most."""
SIDE = 96
"""Pixels: smaller images are enlarged by a whole number until they are at least so wide, which names have room in."""
GAP, NAME, FONT = 4, 16, 12
"""Pixels: between two images, the line of a name, and its letters."""


def write_preview(
    images: NDArray[np.generic],
    labels: NDArray[np.int64],
    names: Sequence[str],
    carried: tuple[Sequence[float], Sequence[float]] | None,
    path: Path,
) -> None:
    """Write a PNG of classes that have images, as many in a line as there is room for.

    `images` is uint8 [M, H, W, C] or float32 [M, C, H, W], which carries the mean and std `carried` (None: it is on the
    [0, 1] scale); values that are no pixels are clipped. `names` are those of the classes, by label.
    """
    classes, counts = np.unique(labels, return_counts=True)
    per_class = min(COLUMNS, int(counts.max()))
    in_line = COLUMNS // per_class
    classes = classes[: LINES * in_line]
    first = as_pixels(images[0], carried)
    height, width = first.shape[:2]
    scale = -(-SIDE // width)
    cell, line = width * scale + GAP, NAME + height * scale + GAP
    block = per_class * cell
    shape = (min(in_line, len(classes)) * block + GAP, -(-len(classes) // in_line) * line + GAP)
    canvas = Image.new("RGB", shape, "white")
    font = ImageFont.load_default(FONT)
    for number, label in enumerate(classes):
        left, top = GAP + number % in_line * block, GAP + number // in_line * line
        # The block ends before the next one's name begins.
        words = Image.new("RGB", (block - GAP, NAME), "white")
        ImageDraw.Draw(words).text((0, 0), names[label].partition("\n")[0], "black", font)
        canvas.paste(words, (left, top))
        for column, place in enumerate(np.flatnonzero(labels == label)[:per_class]):
            pixels = as_pixels(images[place], carried)
            picture = Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels[..., :3])
            enlarged = picture.resize((width * scale, height * scale), Image.Resampling.NEAREST)
            canvas.paste(enlarged, (left + column * cell, top + NAME))
    canvas.save(path, "PNG")


def as_pixels(image: NDArray[np.generic], carried: tuple[Sequence[float], Sequence[float]] | None) -> NDArray[np.uint8]:
    """Return uint8 [H, W, C] of one stored image."""
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.uint8)
    values = image.astype(np.float32).transpose(1, 2, 0)
    if carried is not None:
        mean, std = (np.asarray(each, dtype=np.float32) for each in carried)
        values = values * std + mean
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
