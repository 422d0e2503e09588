"""The picture of a set."""

from pathlib import Path

import numpy as np
from PIL import Image

from workers.ladd.sets.preview import GAP, PER_CLASS, as_pixels, write_preview


def test_classes_are_lines_and_images_columns(tmp_path: Path) -> None:
    labels = np.array([1, 0, 1, 3])
    images = np.stack([np.full((4, 6, 3), 10 * number, dtype=np.uint8) for number in range(4)])
    write_preview(images, labels, None, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (3 * 4 + 2 * GAP, 2 * 6 + GAP, 3)
    down, right = 4 + GAP, 6 + GAP
    assert [pixels[0, 0, 0], pixels[down, 0, 0], pixels[down, right, 0], pixels[2 * down, 0, 0]] == [10, 0, 20, 30]
    # Class 0 has one image, the gap is white.
    assert pixels[0, right, 0] == 255
    assert pixels[4, 0, 0] == 255


def test_a_large_set_is_cut(tmp_path: Path) -> None:
    write_preview(np.zeros((30, 2, 2, 1), np.uint8), np.zeros(30, np.int64), None, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as picture:
        assert picture.size == (PER_CLASS * (2 + GAP) - GAP, 2)


def test_normalized_values_become_pixels() -> None:
    pixels = np.array([[[0, 255], [51, 204]]], dtype=np.uint8).transpose(1, 2, 0)
    values = ((pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.25).astype(np.float32)
    np.testing.assert_array_equal(as_pixels(values, ([0.5], [0.25])), pixels)
    assert as_pixels(np.full((1, 1, 1), 7.0, np.float32), None).item() == 255
