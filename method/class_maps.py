"""Label orders by name: which ImageNet class has which label in the subsets that distillation papers use.

MTT (`utils.py`, `Config`), GLaD and DD-Ranking number the classes of a subset by their place in these lists, most of
which are not sorted; `imagenet10` is IDC's (`misc/class100.txt`, the first ten lines). An ImageFolder numbers class
folders by sorted name instead, which for WordNet ids (WNIDs) is the order of ImageNet's own indices.
"""

import csv
from collections.abc import Collection
from importlib import resources
from itertools import groupby

IMAGEFOLDER = "imagefolder"
"""The label order of sorted folder names."""


def _read() -> dict[str, tuple[tuple[int, str], ...]]:
    text = (resources.files(__package__) / "data" / "class_maps.csv").read_text(encoding="utf-8")
    rows = groupby(csv.DictReader(text.splitlines()), lambda row: row["name"])
    return {name: tuple((int(row["imagenet_index"]), row["wnid"]) for row in classes) for name, classes in rows}


CLASS_MAPS = _read()
"""{name: (ImageNet index, WNID) of label 0, 1, ...}."""


def wnids(name: str) -> list[str]:
    """Return the WNIDs of a subset in label order; raises KeyError for an unknown name."""
    return [wnid for _, wnid in CLASS_MAPS[name]]


def imagenet_indices(name: str) -> list[int]:
    """Return the ImageNet indices of a subset in label order; raises KeyError for an unknown name."""
    return [index for index, _ in CLASS_MAPS[name]]


def subset_with(names: Collection[str]) -> str | None:
    """Return the subset that has exactly these WNIDs, in whatever order."""
    return next((subset for subset in CLASS_MAPS if set(wnids(subset)) == set(names)), None)
