"""Classes of two sets are matched by what their names mean, or told to have no counterpart."""

import csv
from pathlib import Path

import pytest

import method
from method.class_maps import CLASS_MAPS, wnids
from method.class_names import Matching, Unmatched, are_numbers, imagenet_name, match_classes, meaning

ROWS = list(csv.DictReader((Path(method.__file__).parent / "data" / "imagenet_classes.csv").read_text().splitlines()))
IMAGENETTE = wnids("imagenette")
ENGLISH = [imagenet_name(wnid) for wnid in IMAGENETTE]


def places(names: list[str], others: list[str]) -> list[int]:
    found = match_classes(names, others)
    assert isinstance(found, Matching), found
    return list(found.places)


def test_the_table_is_imagenet_1k_in_the_order_of_its_wnids() -> None:
    assert [int(row["imagenet_index"]) for row in ROWS] == list(range(1000))
    assert [row["wnid"] for row in ROWS] == sorted({row["wnid"] for row in ROWS})
    assert len({row["name"] for row in ROWS}) == 1000
    assert all(ROWS[index]["wnid"] == wnid for rows in CLASS_MAPS.values() for index, wnid in rows)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat", "cat "),
        ("fire_truck", "fire truck"),
        ("n01440764", "tench"),
        ("English_Springer", "n02102040"),
        ("new003", "3"),
        ("00003", "new003"),
    ],
)
def test_spellings_of_one_class_have_one_meaning(one: str, other: str) -> None:
    assert meaning(one) == meaning(other)


@pytest.mark.parametrize(
    ("one", "other"), [("cat", "cats"), ("n01440764", "n01443537"), ("3", "30"), ("crane", "n02012849")]
)
def test_other_classes_have_another(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


def test_equal_names_are_in_order() -> None:
    found = match_classes(["b", "a"], ["b", "a"])
    assert isinstance(found, Matching)
    assert (found.in_order, found.assumed) == (True, False)


def test_english_names_are_matched_with_wnids_whatever_their_order() -> None:
    in_order = match_classes(ENGLISH, IMAGENETTE)
    assert isinstance(in_order, Matching)
    assert in_order.in_order
    assert "tench is n01440764" in in_order.how
    by_name = sorted(ENGLISH)
    assert [IMAGENETTE[place] for place in places(by_name, IMAGENETTE)] == [
        IMAGENETTE[ENGLISH.index(name)] for name in by_name
    ]


def test_numbers_that_are_imagenets_indices() -> None:
    numbers = [f"new{int(row['imagenet_index']):03d}" for row in ROWS if row["wnid"] in IMAGENETTE]
    found = match_classes(numbers, IMAGENETTE)
    assert isinstance(found, Matching)
    assert found.in_order
    assert not found.assumed
    assert places(IMAGENETTE, numbers[::-1]) == list(range(10))[::-1]


@pytest.mark.parametrize("numbers", [["0", "1", "2"], ["00000", "00001", "00002"], ["new000", "new001", "new002"]])
def test_numbers_from_0_on_are_assumed_to_be_labels(numbers: list[str]) -> None:
    for pair in ((numbers, ["a", "b", "c"]), (["a", "b", "c"], numbers)):
        found = match_classes(*pair)
        assert isinstance(found, Matching)
        assert found.assumed
        assert found.in_order


def test_numbers_in_another_order_keep_their_labels() -> None:
    assert places(["10", *map(str, range(10))], list("abcdefghijk")) == [10, *range(10)]


@pytest.mark.parametrize(
    ("names", "unmatched", "others"),
    [
        (["n01", "n02", "n04", "zz"], ("zz",), ("n03",)),
        (
            ["new001", "new002", "new003", "new004"],
            ("new001", "new002", "new003", "new004"),
            ("n01", "n02", "n03", "n04"),
        ),
        (["n01", "N01", "n02", "n03"], (), ("n04",)),
    ],
    ids=["a class of its own", "numbers from 1 on", "one class twice"],
)
def test_what_has_no_counterpart_is_named(
    names: list[str], unmatched: tuple[str, ...], others: tuple[str, ...]
) -> None:
    found = match_classes(names, ["n01", "n02", "n03", "n04"])
    assert isinstance(found, Unmatched)
    assert (found.names, found.others) == (unmatched, others)
    assert all(name in str(found) for name in unmatched)


def test_numbers_are_told_from_names() -> None:
    assert are_numbers(["0", "1"])
    assert not are_numbers(["0", "one"])
