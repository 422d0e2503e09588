"""A `.pt` of tensors by name, or of images by class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from workers.ladd.importers import Imported, ImportOptions, read_upload

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

X = torch.linspace(0, 1, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
Y = torch.tensor([0, 0, 1, 1])
PIXELS = (X * 255).to(torch.uint8)


@pytest.mark.parametrize(
    "content",
    [
        {"images": X, "labels": Y},
        {"syn_imgs": X, "syn_labels": Y},
        {"image_syn": X, "label_syn": Y},
        {"dataset": "cifar10", "data": X, "label": Y},
        {"X": X, "Y": Y},
        {"images": X.numpy(), "targets": Y.numpy()},
        {"images": [X[:3], X[3:]], "labels": [Y[:3], Y[3:]]},
        {"images": X, "labels": [0, 0, 1, 1]},
        {"images": X.permute(0, 2, 3, 1), "labels": Y},
    ],
    ids=["npz", "2arian3", "DATM", "GIFT", "capitals", "numpy", "parts", "a list", "channels last"],
)
def test_tensors_by_name(saved: Saving, read: Reading, content: object) -> None:
    split = read(saved("set.pt", content)).splits["all"]
    np.testing.assert_array_equal(split.images, X.numpy())
    assert split.labels.tolist() == [0, 0, 1, 1]


def test_it_is_recognised_by_what_it_holds(saved: Saving, tmp_path: Path) -> None:
    path = saved("set.pt", {"images": X, "labels": Y})
    _, format, reason = read_upload([path], ImportOptions(name="s", role="distilled"), tmp_path, lambda done: None)
    assert format == "torch"
    assert "set.pt is a dict of tensors by name" in reason


def test_a_learning_rate_may_be_a_plain_number(saved: Saving, read: Reading) -> None:
    imported = read(saved("set.pt", {"images": X, "labels": Y, "syn_lr": 0.02}))
    assert imported.stored_lr == ("set.pt/syn_lr", 0.02)


def test_what_has_no_use_is_named(saved: Saving, read: Reading) -> None:
    [warning] = read(saved("set.pt", {"images": X, "labels": Y, "accs": np.array([0.5]), "lr": 0.1})).warnings
    assert warning.endswith("has no use for: accs")


@pytest.mark.parametrize(
    "content",
    [
        {"images_train": PIXELS, "labels_train": Y, "images_val": PIXELS[1:3], "labels_val": Y[1:3]},
        {"train": {"images": PIXELS, "labels": Y}, "test": {"images": PIXELS[1:3], "labels": Y[1:3]}},
    ],
    ids=["DC's Tiny-ImageNet", "a dict for each split"],
)
def test_a_source_set(saved: Saving, read: Reading, content: dict[str, object]) -> None:
    imported = read(saved("tiny.pt", content | {"classes": ["ant", "bee"]}), role="source")
    np.testing.assert_array_equal(imported.splits["train"].images, PIXELS.permute(0, 2, 3, 1).numpy())
    assert imported.splits["val"].labels.tolist() == [0, 1]
    assert imported.class_names == ["ant", "bee"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ([X[:3], X[3:]], None),
        ((X[:3], X[3:]), None),
        ({1: X[3:], 0: X[:3]}, None),
        ({"cat": X[:3], "dog": X[3:]}, ["cat", "dog"]),
        ([X[:3].numpy(), X[3:].numpy()], None),
    ],
    ids=["list", "tuple", "by number", "by name", "numpy"],
)
def test_images_by_class(saved: Saving, read: Reading, content: object, names: list[str] | None) -> None:
    imported = read(saved("set.pt", content))
    np.testing.assert_array_equal(imported.splits["all"].images, X.numpy())
    assert imported.splits["all"].labels.tolist() == [0, 0, 0, 1]
    assert imported.class_names == names
    assert "each of the 2 tensors of set.pt was taken for the images of a class" in imported.warnings[0]


def test_a_pair_is_images_and_labels_list_or_tuple(saved: Saving, read: Reading) -> None:
    for pair in ([X, Y], (X, Y), (X.numpy(), Y.numpy())):
        split = read(saved("pair.pt", pair), factor=1).splits["all"]
        np.testing.assert_array_equal(split.images, X.numpy())
        assert split.labels.tolist() == [0, 0, 1, 1]


def test_iterations_are_no_classes(saved: Saving, refused: Refusal) -> None:
    assert refused(saved("set.pt", {"images": X, "images_zca": X})).rule == "array_names"


def test_a_refusal_shows_keys_types_shapes_and_the_name_that_was_meant(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("set.pt", {"images": X, "lables": Y}))
    assert (reason.rule, reason.location, reason.value) == ("array_names", "set.pt", "images, lables")
    assert "set.pt holds images: float32 [4, 3, 8, 8], lables: int64 [4]; did you mean labels" in reason.message


@pytest.mark.parametrize(
    ("content", "rule", "shown"),
    [
        ({"conv.weight": X, "conv.bias": Y}, "holds_images", "POST /v1/labelers"),
        ({"images": [X, X[:, :1]], "labels": Y}, "parts_match", "float32 [4, 1, 8, 8]"),
        ({"images": X, "labels": {"a": Y}}, "torch_layout", "set.pt/labels is a dict of 1 (a: int64 [4])"),
        ({"a": X, "b": X[:, :1]}, "parts_match", "must agree in type and size"),
        ({"epoch": 3, "note": "x"}, "known_format", "set.pt is a dict of 2 (epoch: the value 3, note: the text 'x')"),
        ([X, Y, Y], "known_format", "set.pt is a list of 3 (float32 [4, 3, 8, 8], int64 [4], int64 [4])"),
    ],
    ids=["weights", "parts", "labels in a dict", "classes", "no tensors", "three"],
)
def test_other_contents_are_refused_with_what_was_found(
    saved: Saving, refused: Refusal, content: object, rule: str, shown: str
) -> None:
    reason = refused(saved("set.pt", content))
    assert reason.rule == rule
    assert shown in reason.message


@pytest.mark.parametrize("content", [X, [1, 2], "text"], ids=["a tensor", "numbers", "text"])
def test_the_format_may_be_named_and_is_checked(saved: Saving, refused: Refusal, content: object) -> None:
    assert refused(saved("set.pt", content), format="torch").rule == "torch_layout"


def test_two_files_are_refused(saved: Saving, refused: Refusal) -> None:
    path = saved("set.pt", {"images": X, "labels": Y})
    assert refused(path, path, format="torch").rule == "one_file"
