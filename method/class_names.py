"""Classes matched by meaning: WordNet ids, ImageNet's indices and English names, numbers, other spellings of a word.

Two sets whose labels mean different classes train and test without an error, at an accuracy of about chance.
"""

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

NUMBERED = re.compile(r"(?:new|class[ _-]?)?(\d{1,5})")
"""Names that are the number of a class: `7`, RDED's `00007`, SRe2L's `new007`."""
_SHOWN = 5


@dataclass(frozen=True)
class Matching:
    """`places[label]` is the other set's label of the same class; `how` says by what, for a reader."""

    places: tuple[int, ...]
    how: str
    assumed: bool = False
    """No name says so: labels are taken to count the same classes."""

    @property
    def in_order(self) -> bool:
        """Whether equal labels mean equal classes."""
        return self.places == tuple(range(len(self.places)))


@dataclass(frozen=True)
class Unmatched:
    """The names without a counterpart on either side; both empty where two names of one side mean the same class."""

    names: tuple[str, ...]
    others: tuple[str, ...]

    def __str__(self) -> str:
        if not self.names:
            return "two names of one of them mean the same class"
        return f"{_some(self.names)} on one side, {_some(self.others)} on the other have no counterpart"


def match_classes(names: Sequence[str], others: Sequence[str]) -> Matching | Unmatched:
    """Match classes, named in label order, with as many of another set.

    In turn: equal names; names of equal meaning (`meaning`); numbers that are ImageNet's indices of the other's
    classes; and numbers 0, 1, ... against names, which are assumed to be labels.
    """
    if list(names) == list(others):
        return Matching(tuple(range(len(names))), "the same names")
    ours, theirs = [meaning(name) for name in names], [meaning(name) for name in others]
    if set(ours) == set(theirs) and len(set(ours)) == len(names):
        places = tuple(theirs.index(key) for key in ours)
        pairs = ((name, others[place]) for name, place in zip(names, places, strict=True) if name != others[place])
        return Matching(places, ", ".join(f"{name} is {other}" for name, other in list(pairs)[:_SHOWN]) or "names")
    numbers, their_numbers = _numbers(names), _numbers(others)
    for mine, other_keys in ((numbers, theirs), (their_numbers, ours)):
        indices = [imagenet_key(number) for number in mine or ()]
        if indices and set(indices) == set(other_keys):
            pairing = [other_keys.index(index) for index in indices]
            return Matching(tuple(pairing if mine is numbers else _inverse(pairing)), "numbers are ImageNet's indices")
    if (numbers is None) != (their_numbers is None):
        labels = numbers if numbers is not None else their_numbers
        assert labels is not None
        if sorted(labels) == list(range(len(names))):
            in_turn = labels if labels is numbers else _inverse(labels)
            return Matching(tuple(in_turn), "label numbers, as one of the sets names no classes", assumed=True)
    return Unmatched(
        tuple(name for name, key in zip(names, ours, strict=True) if key not in theirs),
        tuple(name for name, key in zip(others, theirs, strict=True) if key not in ours),
    )


def difference(names: Sequence[str], others: Sequence[str]) -> str | None:
    """Say in what the classes of two sets differ, label by label; None where equal labels mean equal classes."""
    if len(names) != len(others):
        return f"there are {len(names)} classes against {len(others)}"
    match = match_classes(names, others)
    if isinstance(match, Unmatched):
        return f"the classes do not match: {match}"
    if match.in_order:
        return None
    label = next(label for label, place in enumerate(match.places) if label != place)
    return f"the same classes are in different orders: label {label} is {names[label]} and {others[label]}"


def meaning(name: str) -> str:
    """Return the key that names of one class share: ImageNet's index, a number, or the word without its spelling."""
    word = _word(name)
    index = _imagenet().get(word)
    if index is not None:
        return imagenet_key(index)
    number = NUMBERED.fullmatch(name.strip())
    return word if number is None else f"number {int(number[1])}"


def imagenet_key(index: int) -> str:
    """Return the `meaning` of a class of ImageNet-1K by its index."""
    return f"imagenet {index}"


def are_numbers(names: Collection[str]) -> bool:
    """Tell whether names say no more than the number of the class."""
    return _numbers(names) is not None


def imagenet_name(name: str) -> str:
    """Return the English name of a WordNet id of ImageNet-1K, any other name as it is."""
    return _english().get(name, name)


def _inverse(permutation: Sequence[int]) -> list[int]:
    return [permutation.index(label) for label in range(len(permutation))]


def _word(name: str) -> str:
    """Without case, punctuation and underscores."""
    return " ".join(re.sub(r"[\W_]+", " ", name.casefold()).split())


def _numbers(names: Collection[str]) -> list[int] | None:
    found = [NUMBERED.fullmatch(name.strip()) for name in names]
    return [int(match[1]) for match in found if match] if all(found) else None


def _rows() -> list[dict[str, str]]:
    text = (resources.files(__package__) / "data" / "imagenet_classes.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _imagenet() -> dict[str, int]:
    """{WordNet id or English name: index}; `crane` and `maillot` alone name two classes each, and are none's."""
    rows = _rows()
    known = {_word(row["name"]): int(row["imagenet_index"]) for row in rows}
    wnids = {row["wnid"]: int(row["imagenet_index"]) for row in rows}
    return {word: index for word, index in known.items() if word not in ("crane", "maillot")} | wnids


@cache
def _english() -> dict[str, str]:
    return {row["wnid"]: row["name"] for row in _rows()}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
