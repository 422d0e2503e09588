"""The picture of a set."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.ladd.sets.preview import COLUMNS, GAP, LINES, NAME, as_pixels, write_preview

NAMES = ["cat", "dog", "a class without images", "a name that is wider than its images are, by far"]


def drawn(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_class_stands_under_its_name_with_its_images_enlarged(tmp_path: Path) -> None:
    labels = np.array([1, 0, 1, 3])
    images = np.stack([np.full((40, 60, 3), 10 * number, dtype=np.uint8) for number in range(4)])
    write_preview(images, labels, NAMES, None, tmp_path / "preview.png")
    pixels = drawn(tmp_path / "preview.png")
    # Twice as large; two images of a class, so that five classes have room in a line.
    right, down = 120 + GAP, 80
    block = 2 * right
    assert pixels.shape == (GAP + NAME + down + GAP, 3 * block + GAP, 3)
    first = pixels[GAP + NAME + 1, GAP + 1 :, 0]
    assert [first[0], first[block], first[block + right], first[2 * block]] == [10, 0, 20, 30]
    assert first[right] == 255, "class 0 has one image"
    assert (pixels[GAP + NAME : GAP + NAME + down, GAP : GAP + 120] == 10).all()
    words = [pixels[GAP : GAP + NAME, GAP + number * block : number * block + block].min() for number in range(3)]
    assert max(words) < 100, "each has a name"
    assert (pixels[:, GAP + 3 * block - GAP :] == 255).all(), "a name that is too wide is cut off"


def test_a_set_of_one_image_a_class_fills_the_width(tmp_path: Path) -> None:
    labels = np.arange(25)
    write_preview(
        np.zeros((25, 1, 32, 32), np.float32), labels, [str(label) for label in labels], None, tmp_path / "a.png"
    )
    assert drawn(tmp_path / "a.png").shape == (3 * (NAME + 96 + GAP) + GAP, COLUMNS * (96 + GAP) + GAP, 3)


def test_a_large_set_is_cut(tmp_path: Path) -> None:
    labels = np.arange(300) % 15
    write_preview(np.zeros((300, 2, 2, 1), np.uint8), labels, [""] * 15, None, tmp_path / "preview.png")
    assert drawn(tmp_path / "preview.png").shape == (LINES * (NAME + 96 + GAP) + GAP, COLUMNS * (96 + GAP) + GAP, 3)


def test_normalized_values_become_pixels() -> None:
    pixels = np.array([[[0, 255], [51, 204]]], dtype=np.uint8).transpose(1, 2, 0)
    values = ((pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.25).astype(np.float32)
    np.testing.assert_array_equal(as_pixels(values, ([0.5], [0.25])), pixels)
    assert as_pixels(np.full((1, 1, 1), 7.0, np.float32), None).item() == 255
