"""ImageNet subsets by name: ten classes each, numbered as ImageNet does, and found by their classes."""

from itertools import chain

import pytest

from method.class_maps import CLASS_MAPS, imagenet_indices, subset_with, wnids

SORTED = {"imagenette"}


@pytest.mark.parametrize("name", CLASS_MAPS)
def test_a_subset_has_ten_classes(name: str) -> None:
    assert len(set(wnids(name))) == len(set(imagenet_indices(name))) == 10


def test_indices_are_the_order_of_the_wnids() -> None:
    """ImageNet numbers its classes by sorted WNID, so that a wrong pair would show."""
    pairs = sorted(set(chain.from_iterable(CLASS_MAPS.values())))
    assert [wnid for _, wnid in pairs] == sorted(wnid for _, wnid in pairs)
    assert len({index for index, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("name", CLASS_MAPS)
def test_only_imagenette_is_in_the_order_of_its_folders(name: str) -> None:
    assert (wnids(name) == sorted(wnids(name))) == (name in SORTED)


def test_a_subset_is_found_by_its_classes_in_any_order() -> None:
    assert subset_with(sorted(wnids("imagewoof"))) == "imagewoof"
    assert subset_with(wnids("imagewoof")[:9]) is None
