from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from workers.ladd.importers import Imported
from workers.ladd.importers.rejected import RejectionReason

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]
Refusal = Callable[..., RejectionReason]

IMAGES = torch.linspace(-2, 2, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
LABELS = torch.tensor([0, 0, 1, 1])


@pytest.mark.parametrize("swapped", [False, True])
def test_the_pair_is_told_apart_by_shape_whatever_the_names(saved: Saving, read: Reading, swapped: bool) -> None:
    paths = [saved("a", IMAGES), saved("b.bin", LABELS)]
    split = read(*(reversed(paths) if swapped else paths)).splits["all"]
    np.testing.assert_array_equal(split.images, IMAGES.numpy())
    np.testing.assert_array_equal(split.labels, LABELS.numpy())
    assert (split.images_location, split.labels_location) == ("a", "b.bin")


def test_both_files_may_have_the_same_name(saved: Saving, read: Reading, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    first = saved("x.pt", IMAGES).rename(tmp_path / "1" / "x.pt")
    assert len(read(first, saved("x.pt", LABELS)).splits["all"].labels) == 4


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8])
def test_labels_of_any_integer_type_become_int64(saved: Saving, read: Reading, dtype: torch.dtype) -> None:
    labels = read(saved("images.pt", IMAGES), saved("labels.pt", LABELS.to(dtype))).splits["all"].labels
    assert labels.dtype == np.int64


def test_missing_labels_are_class_major_when_the_classes_are_known(saved: Saving, read: Reading) -> None:
    imported = read(saved("images.pt", IMAGES), class_map=["cat", "dog"])
    assert imported.splits["all"].labels.tolist() == [0, 0, 1, 1]
    [warning] = imported.warnings
    assert "class by class" in warning


def test_missing_labels_without_classes_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES))
    assert reason["rule"] == "labels_present"
    assert reason["location"] == "metadata.class_map"


def test_images_that_do_not_divide_into_classes_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), class_map=["a", "b", "c"])
    assert reason["rule"] == "images_divide_into_classes"
    assert reason["value"] == "4 images, 3 classes"


def test_soft_labels_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", torch.rand(4, 2)))
    assert reason["rule"] == "hard_labels_only"
    assert reason["value"] == "float32 (4, 2)"
    assert reason["location"] == "labels.pt"


def test_labels_that_are_not_whole_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", LABELS.float()))
    assert reason["rule"] == "integer_labels"


@pytest.mark.parametrize(
    "contents",
    [[IMAGES, IMAGES], [LABELS], [IMAGES, LABELS, torch.tensor(0.01)], [IMAGES, LABELS, LABELS]],
    ids=["two images", "labels alone", "a learning rate", "two labels"],
)
def test_other_combinations_are_refused(saved: Saving, refused: Refusal, contents: list[torch.Tensor]) -> None:
    paths = [saved(f"{index}.pt", content) for index, content in enumerate(contents)]
    assert refused(*paths)["rule"] == "tensor_roles"


def test_anything_but_a_tensor_is_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", [IMAGES]), saved("labels.pt", LABELS), format="mtt")
    assert reason["rule"] == "tensor_roles"
    assert reason["value"] == "list"


@pytest.mark.parametrize("tensor", [IMAGES.bfloat16(), IMAGES.to(torch.int16)], ids=["bfloat16", "int16"])
def test_other_image_types_are_refused(saved: Saving, refused: Refusal, tensor: torch.Tensor) -> None:
    assert refused(saved("images.pt", tensor), saved("labels.pt", LABELS))["rule"] in ("plain_array", "image_dtype")


def test_channels_last_floats_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES.permute(0, 2, 3, 1)), saved("labels.pt", LABELS))
    assert reason["rule"] == "image_layout"


def test_a_source_set_cannot_be_a_pair(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", LABELS), role="source")
    assert reason["rule"] == "distilled_only"
