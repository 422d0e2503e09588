"""The label of each class folder, and the orders that are not guessed."""

import pytest

from api_schemas.problems import Reason
from method.class_maps import imagenet_indices, wnids
from workers.ladd.importers import ImportOptions, ImportRejected, KnownSource
from workers.ladd.importers.class_order import FIELD, ClassOrder, order_classes

WOOF = wnids("imagewoof")
TEN = [f"{number:05d}" for number in range(10)]


def ordered(folders: list[str], **options: object) -> ClassOrder:
    given = ImportOptions(**{"name": "set", "role": "distilled", **options})
    return order_classes(set(folders), given, "set.tar")


def refusal(folders: list[str], **options: object) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        ordered(folders, **options)
    [reason] = caught.value.reasons
    return reason


def test_names_are_sorted() -> None:
    order = ordered(["dog", "cat"])
    assert (order.folders, order.names, order.format) == (["cat", "dog"], ["cat", "dog"], "class_folders")


def test_sre2l_numbers_by_imagenet_index() -> None:
    folders = [f"new{number:03d}" for number in range(1000)]
    order = ordered(folders)
    assert (order.folders, order.format) == (folders, "sre2l")
    assert "new000 to new999" in order.reason


def test_rded_numbers_of_imagenet_1k_are_documented() -> None:
    folders = [f"{number:05d}" for number in range(1000)]
    order = ordered(folders)
    assert (order.folders, order.format) == (folders, "rded")


@pytest.mark.parametrize("format", ["auto", "rded"])
def test_rded_numbers_of_a_subset_are_not_guessed(format: str) -> None:
    reason = refusal(TEN, format=format)
    assert (reason.rule, reason.location) == ("one_reading", FIELD)
    assert "imagefolder" in str(reason.value)


def test_a_subset_gives_rded_numbers_their_meaning() -> None:
    order = ordered(TEN, class_map="imagewoof")
    assert (order.folders, order.names) == (TEN, WOOF)


def test_a_list_gives_numbers_their_meaning() -> None:
    order = ordered(["00000", "00001"], class_map=["cat", "dog"])
    assert (order.folders, order.names) == (["00000", "00001"], ["cat", "dog"])


def test_numbers_may_count_the_sorted_folders_of_the_source_set() -> None:
    assert ordered(TEN, class_map="imagefolder").names == TEN
    order = ordered(TEN, class_map="imagefolder", source=KnownSource(WOOF, 128))
    assert (order.folders, order.names) == (TEN, sorted(WOOF))


def test_numbers_may_be_imagenet_indices_of_a_subset() -> None:
    folders = [f"new{index:03d}" for index in imagenet_indices("imagewoof")]
    order = ordered(folders, class_map="imagewoof")
    assert (order.folders, order.names) == (folders, WOOF)


@pytest.mark.parametrize("role", ["source", "distilled"])
def test_wnids_are_put_into_the_order_of_a_subset(role: str) -> None:
    order = ordered(sorted(WOOF), role=role, class_map="imagewoof")
    assert order.folders == order.names == WOOF


def test_wnids_of_a_subset_that_is_not_sorted_are_not_guessed() -> None:
    reason = refusal(sorted(WOOF), role="source")
    assert (reason.rule, reason.value) == ("one_reading", "imagewoof | imagefolder")
    assert ordered(sorted(WOOF), role="source", class_map="imagefolder").folders == sorted(WOOF)


def test_wnids_of_imagenette_have_one_order() -> None:
    assert ordered(wnids("imagenette")).folders == wnids("imagenette")


def test_folders_of_the_source_sets_classes_have_its_order() -> None:
    order = ordered(sorted(WOOF), source=KnownSource(WOOF, 128))
    assert order.folders == WOOF
    assert ordered(["a", "b"], source=KnownSource(["b", "a"], 32)).folders == ["b", "a"]


def test_numbers_that_text_sorts_otherwise_are_not_guessed() -> None:
    reason = refusal(["2", "10"])
    assert (reason.rule, reason.location) == ("one_reading", FIELD)
    assert ordered(["2", "10"], class_map="imagefolder").folders == ["10", "2"]
    assert ordered(["2", "10"], class_map=["2", "10"]).folders == ["2", "10"]
    assert ordered(["02", "10"]).folders == ["02", "10"]


@pytest.mark.parametrize(
    ("folders", "class_map"),
    [
        (["a", "b"], "imagewoof"),
        (wnids("imagenette"), "imagewoof"),
        (TEN[:9], "imagewoof"),
        ([f"new{number:03d}" for number in range(1, 11)], "imagewoof"),
        (["00000", "00002"], ["cat", "dog"]),
        (["a", "b"], ["a", "x"]),
    ],
    ids=["names", "another subset", "too few", "other numbers", "a gap", "another list"],
)
def test_a_class_map_that_contradicts_the_folders_is_refused(folders: list[str], class_map: object) -> None:
    reason = refusal(folders, class_map=class_map)
    assert (reason.rule, reason.location) == ("class_map_matches_folders", FIELD)


@pytest.mark.parametrize("format", ["sre2l", "lpld", "rded"])
def test_a_named_format_with_other_folders_is_refused(format: str) -> None:
    reason = refusal(["cat", "dog"], format=format)
    assert (reason.rule, reason.location) == ("numbered_folders", "set.tar")
