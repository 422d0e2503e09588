"""Sets of MTT, AST, TESLA and DATM: a file of images and one of labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from workers.ladd.importers import Imported, KnownSource

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

IMAGES = torch.linspace(-2, 2, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
LABELS = torch.tensor([0, 0, 1, 1])
LOGITS = torch.tensor([[3.0, -1], [1, 0], [-2, 2], [0, 5]])


@pytest.mark.parametrize("swapped", [False, True])
def test_the_pair_is_told_apart_by_shape_whatever_the_names(saved: Saving, read: Reading, swapped: bool) -> None:
    paths = [saved("a", IMAGES), saved("b.bin", LABELS)]
    imported = read(*(reversed(paths) if swapped else paths))
    split = imported.splits["all"]
    np.testing.assert_array_equal(split.images, IMAGES.numpy())
    np.testing.assert_array_equal(split.labels, LABELS.numpy())
    assert (split.images_location, split.labels_location) == ("a", "b.bin")
    assert (imported.format, imported.stored_lr, imported.unnormalized) == ("mtt", None, None)


def test_both_files_may_have_the_same_name(saved: Saving, read: Reading, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    first = saved("x.pt", IMAGES).rename(tmp_path / "1" / "x.pt")
    assert len(read(first, saved("x.pt", LABELS)).splits["all"].labels) == 4


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8])
def test_labels_of_any_integer_type_become_int64(saved: Saving, read: Reading, dtype: torch.dtype) -> None:
    labels = read(saved("images.pt", IMAGES), saved("labels.pt", LABELS.to(dtype))).splits["all"].labels
    assert labels.dtype == np.int64


SOURCE = KnownSource(["cat", "dog"], 8)


@pytest.mark.parametrize("known", [{"class_map": ["cat", "dog"]}, {"source": SOURCE}], ids=["class map", "source set"])
def test_ast_saves_no_labels(saved: Saving, read: Reading, known: dict[str, object]) -> None:
    imported = read(saved("images_best.pt", IMAGES), **known)
    assert imported.format == "ast"
    assert imported.splits["all"].labels.tolist() == [0, 0, 1, 1]
    [warning] = imported.warnings
    assert "class by class" in warning


def test_missing_labels_without_classes_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES))
    assert reason.rule == "labels_present"
    assert reason.location == "metadata.class_map"


def test_images_that_do_not_divide_into_classes_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), class_map=["a", "b", "c"])
    assert reason.rule == "images_divide_into_classes"
    assert reason.value == "4 images, 3 classes"


def test_tesla_saves_probabilities(saved: Saving, read: Reading) -> None:
    probabilities = torch.softmax(LOGITS, dim=1)
    imported = read(saved("images_best.pt", IMAGES), saved("labels_best.pt", probabilities))
    assert imported.format == "tesla"
    split = imported.splits["all"]
    assert split.soft is not None
    assert split.soft.kind == "probabilities"
    np.testing.assert_array_equal(split.soft.probabilities, probabilities.numpy())
    assert split.labels.tolist() == [0, 0, 1, 1]


def test_datm_saves_logits_and_a_learning_rate(saved: Saving, read: Reading) -> None:
    files = [saved("images_best.pt", IMAGES), saved("labels_best.pt", LOGITS), saved("lr_best.pt", torch.tensor(0.02))]
    imported = read(*files)
    assert (imported.format, imported.stored_lr) == ("datm", ("lr_best.pt", 0.02))
    split = imported.splits["all"]
    assert split.soft is not None
    assert split.soft.kind == "logits"
    np.testing.assert_allclose(split.soft.probabilities, torch.softmax(LOGITS, dim=1).numpy(), rtol=1e-6)
    assert split.labels.tolist() == [0, 0, 1, 1]


def test_a_learning_rate_may_have_an_axis(saved: Saving, read: Reading) -> None:
    files = [saved("images.pt", IMAGES), saved("labels.pt", LABELS), saved("lr_500.pt", torch.tensor([0.5]).double())]
    assert read(*files).stored_lr == ("lr_500.pt", 0.5)


def test_tesla_without_a_teacher_saves_hard_labels(saved: Saving, read: Reading) -> None:
    split = read(saved("i.pt", IMAGES), saved("l.pt", LABELS), format="tesla").splits["all"]
    assert split.soft is None


def test_the_file_called_zca_is_the_unwhitened_one(saved: Saving, read: Reading) -> None:
    assert read(saved("images_500.pt", IMAGES), saved("labels.pt", LABELS)).unnormalized is None
    plain = read(saved("images_zca_500.pt", IMAGES), saved("labels.pt", LABELS))
    assert "plain pixels" in str(plain.unnormalized)


@pytest.mark.parametrize("first", [0, 1])
def test_numbered_parts_are_joined_in_natural_order(saved: Saving, read: Reading, first: int) -> None:
    """As the published `tiny_50`, in parts; ten and more, so that text order would be wrong."""
    files = []
    for part in range(11):
        files += [saved(f"images_best_{part + first}.pt", torch.full((2, 3, 8, 8), float(part)))]
        files += [saved(f"labels_best_{part + first}.pt", torch.tensor([0, 1]))]
    imported = read(*sorted(files))
    assert imported.splits["all"].images[:, 0, 0, 0].tolist() == [part for part in range(11) for _ in range(2)]
    assert imported.splits["all"].labels.tolist() == [0, 1] * 11
    assert "11 parts were joined" in " ".join(imported.reasons)


def test_parts_of_other_classes_are_joined_whatever_their_names(saved: Saving, read: Reading) -> None:
    files = [saved("images_b.pt", IMAGES), saved("labels_b.pt", LABELS + 2)]
    files += [saved("images_a.pt", IMAGES), saved("labels_a.pt", LABELS)]
    assert read(*files).splits["all"].labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("with_labels", [False, True])
def test_iterations_of_one_set_are_not_joined(saved: Saving, refused: Refusal, with_labels: bool) -> None:
    files = [saved(f"images_{which}.pt", IMAGES) for which in ("5000", "best")]
    files += [saved(f"labels_{which}.pt", LABELS) for which in ("5000", "best")] if with_labels else []
    reason = refused(*files, class_map=["a", "b"])
    assert reason.rule == "one_reading"
    assert reason.location == "images_5000.pt, images_best.pt"


@pytest.mark.parametrize(
    ("images", "labels"),
    [([IMAGES, IMAGES], [LABELS, LABELS, LABELS]), ([IMAGES, IMAGES[:2]], [LABELS, LABELS]), ([IMAGES], [LABELS] * 2)],
    ids=["too many labels", "of another size", "one part of images"],
)
def test_parts_that_do_not_match_are_refused(
    saved: Saving, refused: Refusal, images: list[torch.Tensor], labels: list[torch.Tensor]
) -> None:
    files = [saved(f"images_{index}.pt", part) for index, part in enumerate(images)]
    files += [saved(f"labels_{index}.pt", part) for index, part in enumerate(labels)]
    assert refused(*files).rule == "parts_match"


def test_parts_of_other_shapes_are_refused(saved: Saving, refused: Refusal) -> None:
    files = [saved("images_0.pt", IMAGES), saved("images_1.pt", IMAGES[:, :1])]
    assert refused(*files, class_map=["a", "b"]).rule == "parts_match"


def test_labels_that_are_not_whole_are_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", LABELS.float()))
    assert reason.rule == "integer_labels"


@pytest.mark.parametrize(
    "contents",
    [[LABELS], [torch.tensor(0.01)], [IMAGES, LABELS, torch.tensor(0.1), torch.tensor(0.2)], [IMAGES, IMAGES[0]]],
    ids=["labels alone", "a learning rate alone", "two learning rates", "three axes"],
)
def test_other_combinations_are_refused(saved: Saving, refused: Refusal, contents: list[torch.Tensor]) -> None:
    paths = [saved(f"{index}.pt", content) for index, content in enumerate(contents)]
    assert refused(*paths).rule == "tensor_roles"


def test_anything_but_a_tensor_is_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", [IMAGES]), saved("labels.pt", LABELS), format="mtt")
    assert reason.rule == "tensor_roles"
    assert reason.value == "a list of 1 (float32 [4, 3, 8, 8])"


@pytest.mark.parametrize("tensor", [IMAGES.bfloat16(), IMAGES.to(torch.int16)], ids=["bfloat16", "int16"])
def test_other_image_types_are_refused(saved: Saving, refused: Refusal, tensor: torch.Tensor) -> None:
    assert refused(saved("images.pt", tensor), saved("labels.pt", LABELS)).rule in ("plain_array", "image_dtype")


def test_channels_last_floats_are_read(saved: Saving, read: Reading) -> None:
    images = read(saved("images.pt", IMAGES.permute(0, 2, 3, 1)), saved("labels.pt", LABELS)).splits["all"].images
    np.testing.assert_array_equal(images, IMAGES.numpy())


def test_a_source_set_cannot_be_bare_tensors(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", LABELS), role="source")
    assert reason.rule == "distilled_only"
