"""Sets as named arrays of an .npz."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from api_schemas.problems import Reason
from workers.ladd.importers import Imported

Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

PIXELS = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
LABELS = np.array([0, 0, 1, 1])


def write(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path / "set.npz", **arrays)  # type: ignore[arg-type]
    return path / "set.npz"


@pytest.mark.parametrize("images", ["images", "x", "data"])
@pytest.mark.parametrize("labels", ["labels", "y"])
def test_a_distilled_set_under_its_usual_names(tmp_path: Path, read: Reading, images: str, labels: str) -> None:
    split = read(write(tmp_path, **{images: PIXELS, labels: LABELS})).splits["all"]
    np.testing.assert_array_equal(split.images, PIXELS)
    np.testing.assert_array_equal(split.labels, LABELS)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PIXELS.transpose(0, 3, 1, 2), PIXELS),
        (PIXELS[..., 0], PIXELS[..., :1]),
        (np.float32(PIXELS.transpose(0, 3, 1, 2)), np.float32(PIXELS.transpose(0, 3, 1, 2))),
        (np.float64(PIXELS[..., 0]), np.float64(PIXELS[:, np.newaxis, :, :, 0])),
    ],
    ids=["channels first", "grayscale", "float", "grayscale float"],
)
def test_layouts_are_brought_to_ours(tmp_path: Path, read: Reading, array: np.ndarray, expected: np.ndarray) -> None:
    images = read(write(tmp_path, x=array, y=LABELS)).splits["all"].images
    assert images.dtype == expected.dtype
    np.testing.assert_array_equal(images, expected)


@pytest.mark.parametrize("shape", [(4, 3, 8, 3), (4, 1, 8, 3), (4, 8, 8, 4), (4, 8), (4, 1, 3, 8, 8)], ids=str)
def test_layouts_that_cannot_be_told_are_refused(tmp_path: Path, refused: Refusal, shape: tuple[int, ...]) -> None:
    reason = refused(write(tmp_path, x=np.zeros(shape, np.uint8), y=LABELS))
    assert reason.rule == "image_layout"
    assert reason.value == str(shape)


SOURCES = {
    "keras": ("x_train", "y_train", "x_test", "y_test"),
    "medmnist": ("train_images", "train_labels", "val_images", "val_labels"),
    "medmnist without val": ("train_images", "train_labels", "test_images", "test_labels"),
    "other": ("train_x", "train_y", "validation_x", "validation_y"),
}


@pytest.mark.parametrize("keys", SOURCES.values(), ids=SOURCES)
def test_a_source_set_under_its_usual_names(tmp_path: Path, read: Reading, keys: tuple[str, ...]) -> None:
    arrays = dict(zip(keys, (PIXELS, LABELS, PIXELS[:2], LABELS[:2]), strict=True))
    imported = read(write(tmp_path, **arrays), role="source")
    assert {name: len(split.images) for name, split in imported.splits.items()} == {"train": 4, "val": 2}
    assert imported.warnings == (
        ["there is no val split: evaluation uses test"]
        if keys[2].endswith("test") or keys[2].startswith("test")
        else []
    )


def test_val_is_taken_before_test(tmp_path: Path, read: Reading) -> None:
    """MedMNIST's layout, labels [n, 1] included."""
    labels = LABELS[:, np.newaxis].astype(np.uint8)
    arrays = {f"{split}_{kind}": PIXELS if kind == "images" else labels for split in ("train", "val", "test")
              for kind in ("images", "labels")}  # fmt: skip
    imported = read(write(tmp_path, **arrays), role="source")
    assert sorted(imported.splits) == ["train", "val"]
    assert imported.splits["val"].images_location == "set.npz/val_images"
    np.testing.assert_array_equal(imported.splits["val"].labels, LABELS)
    assert imported.warnings == ["the test split was left out: evaluation uses val"]


def test_class_names_are_read(tmp_path: Path, read: Reading) -> None:
    path = write(tmp_path, x=PIXELS, y=LABELS, class_names=np.array(["cat", "dog"]))
    assert read(path).class_names == ["cat", "dog"]


def test_a_source_set_without_validation_images_is_refused(tmp_path: Path, refused: Refusal) -> None:
    reason = refused(write(tmp_path, x_train=PIXELS, y_train=LABELS), role="source")
    assert reason.rule == "source_has_train_and_val"
    assert reason.value == "x_train, y_train"


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": PIXELS},
        {"y": LABELS},
        {"x": PIXELS, "images": PIXELS, "y": LABELS},
        {"x_train": PIXELS, "y_train": LABELS},
    ],
    ids=["no labels", "no images", "two images", "a source set"],
)
def test_other_keys_are_refused(tmp_path: Path, refused: Refusal, arrays: dict[str, np.ndarray]) -> None:
    assert refused(write(tmp_path, **arrays)).rule == "array_names"


def test_a_row_of_probabilities_per_image_is_kept(tmp_path: Path, read: Reading) -> None:
    rows = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0, 1]])
    split = read(write(tmp_path, x=PIXELS, y=rows)).splits["all"]
    assert split.labels.tolist() == [0, 0, 1, 1]
    assert split.soft is not None
    np.testing.assert_array_equal(split.soft.probabilities, rows.astype(np.float32))


def test_a_row_of_integers_per_image_is_refused(tmp_path: Path, refused: Refusal) -> None:
    assert refused(write(tmp_path, x=PIXELS, y=np.eye(4, 2, dtype=np.int64))).rule == "label_layout"


def test_a_learning_rate_comes_along(tmp_path: Path, read: Reading) -> None:
    path = write(tmp_path, x=PIXELS, y=LABELS, lr=np.array(0.02, dtype=np.float32))
    assert read(path).stored_lr == ("set.npz/lr", 0.02)


def test_more_than_one_learning_rate_is_refused(tmp_path: Path, refused: Refusal) -> None:
    assert refused(write(tmp_path, x=PIXELS, y=LABELS, lr=np.ones(2))).rule == "array_names"


def test_two_files_are_refused(tmp_path: Path, refused: Refusal) -> None:
    path = write(tmp_path, x=PIXELS, y=LABELS)
    assert refused(path, path, format="npz").rule == "one_file"


def test_an_empty_array_is_read(tmp_path: Path, read: Reading) -> None:
    """Whether a set may be empty is not this importer's question."""
    split = read(write(tmp_path, x=PIXELS[:0], y=LABELS[:0])).splits["all"]
    assert (split.images.shape, split.labels.shape) == ((0, 8, 8, 3), (0,))
