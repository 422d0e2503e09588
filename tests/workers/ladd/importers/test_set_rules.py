"""The rules that every set keeps."""

import numpy as np
import pytest

from api_schemas.problems import Reason
from method.class_maps import wnids
from workers.ladd.importers.imported import Imported, ImportOptions, KnownSource, SoftLabels, Split
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.set_rules import check_classes, check_images, choose_learned_lr

DISTILLED = ImportOptions(name="set", role="distilled")
SOURCE = ImportOptions(name="set", role="source")


def split(shape: tuple[int, ...], dtype: type = np.uint8, labels: list[int] | None = None) -> Split:
    labels = [index % 2 for index in range(shape[0])] if labels is None else labels
    return Split(np.zeros(shape, dtype), np.array(labels, dtype=np.int64), "x", "y")


def imported(*splits: Split, names: list[str] | None = None) -> Imported:
    keys = ("all",) if len(splits) == 1 else ("train", "val")
    return Imported(dict(zip(keys, splits, strict=True)), names)


def refusal(given: Imported, options: ImportOptions = DISTILLED) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        check_classes(given, options) if check_images(given, options) else None
    [reason] = caught.value.reasons
    return reason


def names_of(given: Imported, options: ImportOptions) -> list[str]:
    names, _ = check_classes(given, options)
    return names


@pytest.mark.parametrize(
    ("one", "shape"),
    [
        (split((4, 8, 8, 3)), [3, 8, 8]),
        (split((4, 8, 8, 1)), [1, 8, 8]),
        (split((4, 3, 16, 16), np.float32), [3, 16, 16]),
    ],
)
def test_the_shape_is_channels_first(one: Split, shape: list[int]) -> None:
    assert check_images(imported(one), DISTILLED) == shape


@pytest.mark.parametrize(
    ("one", "rule", "value"),
    [
        (split((0, 8, 8, 3)), "not_empty", "(0, 8, 8, 3)"),
        (split((4, 8, 8, 3), labels=[0, 1, 0]), "labels_match_images", "3 labels, 4 images"),
        (split((4, 8, 8, 2)), "image_channels", "2"),
        (split((4, 8, 9, 3)), "square_images", "9x8"),
        (split((4, 3, 8, 9), np.float32), "square_images", "9x8"),
        (split((4, 7, 7, 3)), "image_side", "7"),
        (split((2, 1025, 1025, 1)), "image_side", "1025"),
        (split((4, 8, 8, 3), labels=[0, 1, 2, -1]), "labels_in_range", "[-1, 2]"),
        (split((4, 8, 8, 3), labels=[0, 1, 2, 10**12]), "labels_in_range", "[0, 1000000000000]"),
        (split((4, 8, 8, 3), labels=[0, 1, 3, 3]), "classes_contiguous", "2"),
        (split((4, 8, 8, 3), labels=[0, 0, 0, 0]), "two_classes", "1"),
    ],
)
def test_each_rule_is_named_with_its_value(one: Split, rule: str, value: str) -> None:
    reason = refusal(imported(one))
    assert (reason.rule, reason.value) == (rule, value)


def test_a_source_set_must_have_eight_bits() -> None:
    floats = split((4, 3, 8, 8), np.float32)
    assert refusal(imported(floats, floats), SOURCE).rule == "eight_bit_source"


def test_splits_must_have_the_same_shape() -> None:
    assert refusal(imported(split((4, 8, 8, 3)), split((4, 9, 9, 3))), SOURCE).rule == "splits_agree"
    assert refusal(imported(split((4, 8, 8, 3)), split((4, 8, 8, 1))), SOURCE).rule == "splits_agree"


def test_every_split_must_have_every_class() -> None:
    train, val = split((4, 8, 8, 3), labels=[0, 1, 2, 2]), split((2, 8, 8, 3))
    assert refusal(imported(train, val), SOURCE).rule == "classes_contiguous"


def test_arrays_are_not_resized() -> None:
    reason = refusal(imported(split((4, 8, 8, 3))), ImportOptions(name="set", role="distilled", resolution=32))
    assert (reason.rule, reason.location, reason.value) == ("resolution_matches", "metadata.resolution", "32")


def test_a_class_map_names_the_classes() -> None:
    given = imported(split((4, 8, 8, 3)), names=["0", "1"])
    assert names_of(given, ImportOptions(name="set", role="distilled", class_map=["cat", "dog"])) == ["cat", "dog"]
    assert names_of(given, DISTILLED) == ["0", "1"]
    assert names_of(imported(split((4, 8, 8, 3))), DISTILLED) == ["0", "1"]


@pytest.mark.parametrize(
    ("names", "rule"),
    [(["cat"], "labels_in_range"), (["cat", "dog", "cow"], "classes_contiguous"), (["a", "a"], "class_names_unique")],
)
def test_a_class_map_that_contradicts_the_labels_is_refused(names: list[str], rule: str) -> None:
    given = imported(split((4, 8, 8, 3)))
    assert refusal(given, ImportOptions(name="set", role="distilled", class_map=names)).rule == rule


def test_the_order_of_the_files_own_names_is_not_changed() -> None:
    given = imported(split((4, 8, 8, 3)), names=["cat", "dog"])
    reason = refusal(given, ImportOptions(name="set", role="distilled", class_map=["dog", "cat"]))
    assert (reason.rule, reason.value) == ("class_map_matches_names", "dog, cat")


def test_a_subset_names_the_classes_of_tensors() -> None:
    given = imported(split((10, 3, 8, 8), np.float32, labels=list(range(10))))
    woof = ImportOptions(name="set", role="distilled", class_map="imagewoof")
    assert names_of(given, woof) == wnids("imagewoof")
    sorted_folders = ImportOptions(
        name="set", role="distilled", class_map="imagefolder", source=KnownSource(wnids("imagewoof"), 8)
    )
    assert names_of(given, sorted_folders) == sorted(wnids("imagewoof"))
    too_few = imported(split((4, 3, 8, 8), np.float32))
    assert refusal(too_few, woof).rule == "classes_contiguous"


def soft(probabilities: list[list[float]]) -> Imported:
    rows = np.array(probabilities, np.float32)
    pixels = np.zeros((len(rows), 8, 8, 3), np.uint8)
    labels = SoftLabels(rows, "probabilities")
    return imported(Split(pixels, rows.argmax(axis=1).astype(np.int64), "x", "y", soft=labels))


def test_soft_labels_count_the_classes_and_may_leave_some_without_an_image() -> None:
    given = soft([[0.6, 0.4, 0], [0.6, 0, 0.4]])
    assert names_of(given, DISTILLED) == ["0", "1", "2"]
    [warning] = given.warnings
    assert "2 of 3 classes" in warning


def test_soft_labels_need_a_column_for_each_class() -> None:
    reason = refusal(
        soft([[0.6, 0.4], [0.1, 0.9]]), ImportOptions(name="set", role="distilled", class_map=["a", "b", "c"])
    )
    assert (reason.rule, reason.value) == ("class_map_matches_labels", "3 names, 2 columns")


@pytest.mark.parametrize(
    "options",
    [
        ImportOptions(name="set", role="distilled", source=KnownSource(["a", "b"], 8)),
        ImportOptions(name="set", role="distilled", resolution=8),
    ],
    ids=["the source set's", "the resolution"],
)
def test_a_multiple_of_the_side_may_be_a_texture_canvas(options: ImportOptions) -> None:
    reason = refusal(imported(split((4, 3, 16, 16), np.float32)), options)
    assert (reason.rule, reason.location) == ("one_reading", "metadata.resolution")
    assert "2 times the 8" in reason.message


def test_the_resolution_says_that_large_images_are_plain() -> None:
    options = ImportOptions(name="set", role="distilled", source=KnownSource(["a", "b"], 8), resolution=16)
    assert check_images(imported(split((4, 3, 16, 16), np.float32)), options) == [3, 16, 16]


def test_the_file_serves_where_the_metadata_are_silent() -> None:
    warnings: list[str] = []
    assert choose_learned_lr(None, ("lr.pt", 0.02), warnings) == 0.02
    assert choose_learned_lr(None, None, warnings) is None
    assert choose_learned_lr(0.5, None, warnings) == 0.5
    assert not warnings


@pytest.mark.parametrize("stored", [0.03, -1.0, float("nan")])
def test_the_metadata_win_and_a_disagreement_is_warned_of(stored: float) -> None:
    warnings: list[str] = []
    assert choose_learned_lr(0.02, ("lr.pt", stored), warnings) == 0.02
    [warning] = warnings
    assert "lr.pt" in warning


def test_agreement_up_to_rounding_is_no_disagreement() -> None:
    warnings: list[str] = []
    assert choose_learned_lr(0.0213, ("lr.pt", 0.02130001), warnings) == 0.0213
    assert not warnings


@pytest.mark.parametrize("stored", [-0.01, 0, 1e4, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_used_is_refused(stored: float) -> None:
    with pytest.raises(ImportRejected) as caught:
        choose_learned_lr(None, ("lr_best.pt", stored), [])
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location) == ("learned_lr_range", "lr_best.pt")
    assert reason.value == str(stored)
