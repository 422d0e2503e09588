"""IDC's files: mosaics, factors and phases."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from api_schemas.problems import Reason
from workers.ladd.importers import Imported, KnownSource

Saving = Callable[[str, object], Path]
Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

IMAGES = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.1
LABELS = torch.tensor([0, 0, 1, 1])


def upsampled(tile: torch.Tensor) -> np.ndarray:
    array: np.ndarray = F.interpolate(tile[None], size=(12, 12), mode="bilinear", align_corners=False)[0].numpy()
    return array


def test_whole_images(saved: Saving, read: Reading) -> None:
    imported = read(saved("data.pt", [IMAGES, LABELS]), factor=1)
    assert imported.format == "idc"
    assert imported.unnormalized is not None
    np.testing.assert_array_equal(imported.splits["all"].images, IMAGES.numpy())
    np.testing.assert_array_equal(imported.splits["all"].labels, LABELS.numpy())


def test_the_factor_is_not_guessed(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("data.pt", [IMAGES, LABELS]))
    assert (reason.rule, reason.location) == ("one_reading", "metadata.factor")
    assert reason.value == "1 | 2 | 3"
    assert "3x3 tiles of 4 pixels" in reason.message


def test_mosaics_are_cut_class_by_class_and_tile_by_tile(saved: Saving, read: Reading) -> None:
    split = read(saved("data.pt", [IMAGES, LABELS]), factor=2).splits["all"]
    assert split.images.shape == (16, 3, 12, 12)
    assert split.labels.tolist() == [0] * 8 + [1] * 8
    tiles = [(0, 0), (0, 6), (6, 0), (6, 6)]
    expected = [
        upsampled(image[:, top : top + 6, left : left + 6])
        for members in (IMAGES[:2], IMAGES[2:])
        for top, left in tiles
        for image in members
    ]
    np.testing.assert_array_equal(split.images, np.stack(expected))


def test_a_side_that_is_no_multiple_is_padded_with_grey(saved: Saving, read: Reading) -> None:
    """12 = 2 * 5 + 2: tiles of ceil(12 / 5) = 3 pixels, and 3 rows and columns of 0.5."""
    split = read(saved("data.pt", [IMAGES, LABELS]), factor=5).splits["all"]
    assert split.images.shape == (100, 3, 12, 12)
    padded = F.pad(IMAGES[0], (0, 3, 0, 3), value=0.5)
    np.testing.assert_array_equal(split.images[0], upsampled(IMAGES[0, :, :3, :3]))
    last = split.images[48]  # tile 24 of the first image: nothing but padding
    np.testing.assert_array_equal(last, upsampled(padded[:, 12:, 12:]))
    assert np.all(last == 0.5)


def test_factor_two_of_an_odd_side(saved: Saving, read: Reading) -> None:
    image = torch.arange(9 * 9).float().reshape(1, 1, 9, 9).repeat(2, 1, 1, 1)
    split = read(saved("data.pt", [image, torch.tensor([0, 1])]), factor=2).splits["all"]
    padded = F.pad(image, (0, 1, 0, 1), value=0.5)
    np.testing.assert_array_equal(split.images[3], F.interpolate(padded[:1, :, 5:, 5:], 9, mode="bilinear")[0].numpy())


@pytest.mark.parametrize("names", [("data.pt", "data.pt", "data.pt"), ("p10.pt", "p2.pt", "p1.pt")], ids=str)
def test_phases_are_joined_in_order(saved: Saving, read: Reading, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Equal names in the order sent, others by their numbers."""
    files = []
    order = [0, 1, 2] if names[0] == names[1] else [2, 1, 0]
    for index, name in zip(order, names, strict=True):
        folder = tmp_path / str(index)
        folder.mkdir()
        part = [torch.full((2, 1, 8, 8), float(index)), torch.tensor([2 * index, 2 * index + 1])]
        files.append(saved(name, part).rename(folder / name))
    imported = read(*files, factor=1)
    assert imported.splits["all"].images[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert imported.splits["all"].labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert "3 phases were joined" in " ".join(imported.reasons)


def phases(saved: Saving) -> list[Path]:
    """Two phases of two classes, each counting from 0."""
    return [saved(f"phase{index}.pt", [IMAGES[:2], torch.tensor([0, 1])]) for index in range(2)]


def test_phases_that_count_their_own_classes_go_on_from_one_another(saved: Saving, read: Reading) -> None:
    labels = read(*phases(saved), factor=1, class_map=list("abcd")).splits["all"].labels
    assert labels.tolist() == [0, 1, 2, 3]
    known = KnownSource(list("abcd"), 12)
    assert read(*phases(saved), factor=1, source=known).splits["all"].labels.tolist() == [0, 1, 2, 3]


def test_files_of_the_same_classes_hold_more_images(saved: Saving, read: Reading) -> None:
    labels = read(*phases(saved), factor=1, class_map=["a", "b"]).splits["all"].labels
    assert labels.tolist() == [0, 1, 0, 1]


def test_which_of_the_two_is_not_guessed(saved: Saving, refused: Refusal) -> None:
    reason = refused(*phases(saved), factor=1)
    assert (reason.rule, reason.location) == ("one_reading", "metadata.class_map")
    assert reason.value == "4 classes | 2 classes"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ([IMAGES], "idc_layout"),
        ({"data": IMAGES}, "idc_layout"),
        ([(IMAGES * 100).byte(), LABELS], "idc_layout"),
        ([IMAGES, LABELS[:3]], "labels_match_images"),
        ([IMAGES, LABELS.float()], "integer_labels"),
    ],
    ids=["one tensor", "dict", "8-bit", "labels missing", "float labels"],
)
def test_other_contents_are_refused(saved: Saving, refused: Refusal, content: object, rule: str) -> None:
    assert refused(saved("data.pt", content), format="idc", factor=1).rule == rule


def test_phases_of_other_shapes_are_refused(saved: Saving, refused: Refusal) -> None:
    files = [saved("p0.pt", [IMAGES, LABELS]), saved("p1.pt", [IMAGES[:, :1], LABELS])]
    assert refused(*files, factor=1).rule == "parts_match"


def test_a_source_set_is_refused(saved: Saving, refused: Refusal) -> None:
    assert refused(saved("data.pt", [IMAGES, LABELS]), factor=1, role="source").rule == "distilled_only"


def test_a_factor_for_anything_else_is_refused(saved: Saving, refused: Refusal) -> None:
    reason = refused(saved("images.pt", IMAGES), saved("labels.pt", LABELS), factor=2)
    assert (reason.rule, reason.location, reason.value) == ("only_idc", "metadata.factor", "2")
