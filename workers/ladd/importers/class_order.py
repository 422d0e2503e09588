"""Which label each class folder has: by its sorted name, its number, or the class map."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from method.class_maps import CLASS_MAPS, IMAGEFOLDER, imagenet_indices, subset_with, wnids
from method.class_names import Matching, match_classes
from workers.ladd.importers.imported import ImportOptions
from workers.ladd.importers.reading.rejected import rejected, undecided

FIELD = "metadata.class_map"
NUMBERED = {
    "sre2l": re.compile(r"new(\d{3,5})"),  # SRe2L, CDA, LPLD: `new{class:03d}`, ImageNet-21K with five digits
    "rded": re.compile(r"(\d{5})"),  # RDED: `{class:05d}`
}
"""How the folders of a method are called, by format."""
IMAGENET_CLASSES = 1000
_SORTED = "class folders are sorted by name, as ImageFolder does"


@dataclass(frozen=True)
class ClassOrder:
    """`folders` and `names` in label order, the format that the folders show, and why it is the order."""

    folders: list[str]
    names: list[str]
    format: str
    reason: str


def order_classes(folders: Collection[str], options: ImportOptions, archives: str) -> ClassOrder:
    """Give each of these (distinct) class folders its label.

    Raises ImportRejected with rule `numbered_folders` (the named format has other folders), `one_reading`,
    `class_map_matches_folders`, or `class_map_renames`.
    """
    found = sorted(folders)
    format, numbers = _numbering(found, options.format, archives)
    if options.class_map == IMAGEFOLDER:
        counted = options.sorted_source_names if numbers is not None else None
        names = counted if counted is not None and len(counted) == len(found) else found
        return ClassOrder(found, names, format, _SORTED)
    if options.class_names is not None:
        return _by_class_map(found, numbers, options.class_names, options.class_map, format, archives)
    names = options.renamed(found, archives)
    if (order := _of_source(found, names, options, format)) is not None:
        return order
    if names != found:
        name_of = dict(zip(found, names, strict=True))
        folders = sorted(found, key=name_of.__getitem__)
        reason = "class folders are sorted by the names in class_map"
        return ClassOrder(folders, [name_of[folder] for folder in folders], format, reason)
    if numbers is None:
        return _by_name(found, format)
    if format == "rded" and len(found) != IMAGENET_CLASSES:
        raise undecided(
            FIELD,
            f"the class folders of {archives} are called {found[0]} to {found[-1]}, and RDED documents the meaning of "
            "the numbers for ImageNet-1K only",
            {
                "a subset's name or a list": "folder 00000 is its first class, 00001 its second, ...",
                IMAGEFOLDER: "the numbers count the source set's class folders sorted by name",
            },
        )
    return ClassOrder(found, found, format, f"folders {found[0]} to {found[-1]} are numbered by class")


def _numbering(found: list[str], format: str, archives: str) -> tuple[str, dict[str, int] | None]:
    """Return the format that the folders show, and their numbers if they have."""
    for layout, pattern in NUMBERED.items():
        matches = [pattern.fullmatch(folder) for folder in found]
        if all(matches):
            numbers = {match[0]: int(match[1]) for match in matches if match}
            return layout, numbers
    if format in ("sre2l", "lpld", "rded"):
        layout = "rded" if format == "rded" else "sre2l"
        raise rejected(
            archives,
            "numbered_folders",
            ", ".join(found),
            f"the class folders of {format} are called {NUMBERED[layout].pattern}; these are not",
        )
    return "class_folders", None


def _by_class_map(
    found: list[str],
    numbers: Mapping[str, int] | None,
    names: list[str],
    class_map: str | Collection[str],
    format: str,
    archives: str,
) -> ClassOrder:
    given = class_map if isinstance(class_map, str) else "the list in class_map"
    if sorted(names) == found:
        return ClassOrder(names, names, format, f"class folders have the order of {given}")
    if numbers is not None and len(names) == len(found):
        by_number = {number: folder for folder, number in numbers.items()}
        if sorted(by_number) == list(range(len(found))):
            return ClassOrder(found, names, format, f"folder numbers are places in {given}")
        if isinstance(class_map, str) and class_map in CLASS_MAPS:
            indices = imagenet_indices(class_map)
            if set(indices) == set(by_number):
                folders = [by_number[index] for index in indices]
                return ClassOrder(
                    folders, names, format, f"folder numbers are ImageNet indices, in the order of {given}"
                )
    raise rejected(
        FIELD,
        "class_map_matches_folders",
        ", ".join(sorted(set(names) ^ set(found))) or ", ".join(names),
        f"{given} must name each of the {len(found)} class folders of {archives} once, or the folders must be numbered "
        "by its places",
    )


def _of_source(found: list[str], names: list[str], options: ImportOptions, format: str) -> ClassOrder | None:
    """Order folders as the source set's classes that their names mean; None where some have no counterpart there.

    Numbers that are labels at best give no order that they do not have themselves.
    """
    if options.source is None or len(names) != len(options.source.class_names):
        return None
    match = match_classes(names, options.source.class_names)
    if not isinstance(match, Matching) or match.assumed:
        return None
    folder_of = dict(zip(match.places, found, strict=True))
    return ClassOrder(
        [folder_of[label] for label in range(len(found))],
        list(options.source.class_names),
        format,
        f"class folders have the order of the source set's classes, matched by meaning: {match.how}",
    )


def _by_name(found: list[str], format: str) -> ClassOrder:
    """Sort folders by name, unless there is another way to read the names."""
    subset = subset_with(found)
    if subset is not None and wnids(subset) != found:
        raise undecided(
            FIELD,
            f"the class folders are those of {subset}",
            {
                subset: "labels in the order of the tensors of MTT and GLaD (imagenet10: IDC)",
                IMAGEFOLDER: "labels in the order of the sorted folder names",
            },
        )
    if all(name.isdecimal() for name in found) and found != sorted(found, key=int):
        raise undecided(
            FIELD,
            f"the class folders are called {found[0]}, {found[1]}, ... when sorted as text",
            {
                "a list": "the folder names in label order, such as 0, 1, 2, ...",
                IMAGEFOLDER: "labels in the order of the sorted text (10 before 2)",
            },
        )
    return ClassOrder(found, found, format, _SORTED)
