"""Rules every set must keep, whatever format it came in."""

import math

import numpy as np

from api_schemas.datasets import ClassNaming
from method.class_names import difference
from workers.ladd.importers.arrays import CHANNELS
from workers.ladd.importers.imported import Imported, ImportOptions, Split
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import rejected, undecided

HIGHEST_LR = 1000
"""As the API's `learned_lr`; trajectory matching can blow the rate up or turn it negative (MTT issues 16 and 31)."""
_SIDES = (8, 1024)
_SHOWN = 10


def check_images(imported: Imported, options: ImportOptions) -> list[int]:
    """Return the one shape [C, H, W] of all images.

    Raises ImportRejected with rule `not_empty`, `labels_match_images`, `eight_bit_source`, `image_channels`,
    `square_images`, `image_side`, `splits_agree`, `one_reading` (a texture canvas?), `resolution_matches` or
    `stored_size`.
    """
    shapes = {name: _check_split(split, options) for name, split in imported.splits.items()}
    shape = next(iter(shapes.values()))
    if any(other != shape for other in shapes.values()):
        raise rejected("files", "splits_agree", shapes, "the splits have images of different shapes")
    return shape


def check_classes(imported: Imported, options: ImportOptions) -> tuple[list[str], ClassNaming]:
    """Return the name of each class, in label order, and where it comes from.

    Soft labels may leave classes without an image of their own. Warns where the source set, if that is known, has other
    classes or another order. Raises ImportRejected with rule `class_map_matches_names` (the same names in another order
    than in the file), `class_map_renames`, `class_names_unique`, `class_map_matches_labels`,
    `labels_in_range`, `two_classes` or `classes_contiguous`.
    """
    own = imported.class_names
    names = options.class_names or own or options.sorted_source_names
    if names is not None and own is not None and names != own and sorted(names) == sorted(own):
        raise rejected(
            "metadata.class_map",
            "class_map_matches_names",
            ", ".join(names),
            f"the upload names the same classes in another order: {', '.join(own)}",
        )
    if names is not None and len(set(names)) < len(names):
        raise rejected("metadata.class_map", "class_names_unique", ", ".join(names), "a class name is given twice")
    columns = [split.label_columns for split in imported.splits.values() if split.label_columns is not None]
    highest = max(int(split.labels.max()) for split in imported.splits.values())
    num_classes = len(names) if names is not None else max([highest + 1, *columns])
    if columns and columns != [num_classes]:
        raise rejected(
            "metadata.class_map",
            "class_map_matches_labels",
            f"{num_classes} names, {columns[0]} columns",
            f"the float labels have {columns[0]} columns, one for each class, but {num_classes} classes are named",
        )
    for split in imported.splits.values():
        _check_range(split, num_classes, named=names is not None)
    if num_classes < 2:
        raise rejected("files", "two_classes", num_classes, "a set needs at least two classes")
    for split in imported.splits.values():
        missing = np.setdiff1d(np.arange(num_classes), split.labels)
        if len(missing) and split.soft is not None:
            imported.warnings.append(
                f"{len(missing)} of {num_classes} classes are the likeliest of no image, such as {missing[0]}"
            )
        elif len(missing):
            raise rejected(
                split.labels_location,
                "classes_contiguous",
                ", ".join(str(label) for label in missing[:_SHOWN]),
                f"{len(missing)} of {num_classes} classes have no image, such as {missing[0]}",
            )
    naming = ClassNaming.FILES if names is own else ClassNaming.GIVEN
    if names is None:
        of_source = options.source.class_names if options.source is not None else ()
        if len(of_source) == num_classes:
            return list(of_source), ClassNaming.SOURCE_SET
        names = options.renamed([str(label) for label in range(num_classes)], "labels")
        naming = ClassNaming.GIVEN if isinstance(options.class_map, dict) else ClassNaming.NUMBERS
    if options.source is not None:
        doubt = difference(names, options.source.class_names)
        imported.warnings.extend([] if doubt is None else [_unlike_source(doubt)])
    return names, naming


def choose_learned_lr(given: float | None, stored: tuple[str, float] | None, warnings: list[str]) -> float | None:
    """Return the learning rate distilled along with a set: `given` in the metadata wins, and a file (DATM's
    `lr_best.pt`) that disagrees is warned of.

    `stored` is where one was found, and the rate. Raises ImportRejected with rule `learned_lr_range` where it must
    serve but is not in (0, 1000].
    """
    if stored is None:
        return given
    location, found = stored
    if given is not None:
        if not math.isclose(given, found, rel_tol=1e-5):
            warnings.append(f"the metadata's learned_lr {given:g} was taken; {location} says {found:g}")
        return given
    if not 0 < found <= HIGHEST_LR:
        raise rejected(
            location,
            "learned_lr_range",
            found,
            f"the learned learning rate must be above 0 and at most {HIGHEST_LR}; "
            "metadata.learned_lr takes the place of the one in the file",
        )
    return found


def _check_split(split: Split, options: ImportOptions) -> list[int]:
    location = split.images_location
    eight_bit = split.images.dtype == np.uint8
    shape = tuple(split.images.shape)
    if not split.images.size:
        raise rejected(location, "not_empty", shape, "there are no images")
    if len(split.images) != len(split.labels):
        raise rejected(
            split.labels_location,
            "labels_match_images",
            f"{len(split.labels)} labels, {len(split.images)} images",
            f"{split.labels_location} has {len(split.labels)} labels, {location} has {len(split.images)} images",
        )
    if options.role == "source" and not eight_bit:
        raise rejected(location, "eight_bit_source", split.images.dtype, "the images of a source set must be uint8")
    height, width, channels = shape[1:] if eight_bit else (shape[2], shape[3], shape[1])
    if channels not in CHANNELS:
        raise rejected(location, "image_channels", channels, "images must have 1 or 3 channels")
    if height != width:
        raise rejected(
            location, "square_images", f"{width}x{height}", "images must be square; for image files give a resolution"
        )
    if not _SIDES[0] <= height <= _SIDES[1]:
        raise rejected(location, "image_side", height, f"images must have {_SIDES[0]} to {_SIDES[1]} pixels a side")
    _check_canvas(location, height, options)
    if options.resolution not in (None, height):
        raise rejected(
            "metadata.resolution",
            "resolution_matches",
            options.resolution,
            f"arrays are not resized: the images of {location} have {height} pixels a side",
        )
    if split.images.nbytes > limits.STORED_BYTES:
        raise rejected(location, "stored_size", split.images.nbytes, f"a set may have {limits.STORED_BYTES} bytes")
    return [channels, height, width]


def _check_canvas(location: str, side: int, options: ImportOptions) -> None:
    """Refuse images whose side is a multiple of what it should be, as MTT's `--texture` canvases have."""
    expected = options.resolution or (options.source.side if options.source is not None else side)
    times, rest = divmod(side, expected)
    if rest == 0 and times > 1:
        raise undecided(
            "metadata.resolution",
            f"the images of {location} have {side} pixels a side, {times} times the {expected} of "
            f"{'metadata.resolution' if options.resolution else 'the source set'}",
            {
                str(side): f"plain images of {side} pixels, for a source set of that size",
                "none": f"texture canvases (MTT --texture): send images of {expected} pixels cut out of them",
            },
        )


def _unlike_source(doubt: str) -> str:
    return (
        f"of this set and its source set, {doubt}; jobs on both are refused. Either may be the wrong one: name another "
        'source set, or upload this set again with a class_map that says which class is which, such as {"cat": "n02"}'
    )


def _check_range(split: Split, num_classes: int, named: bool) -> None:
    lowest, highest = int(split.labels.min()), int(split.labels.max())
    if lowest < 0 or highest >= num_classes or num_classes > limits.CLASSES:
        source = "class_map" if named else "a set"
        raise rejected(
            split.labels_location,
            "labels_in_range",
            f"[{lowest}, {highest}]",
            f"labels lie in [{lowest}, {highest}]; {source} allows 0 to {min(num_classes, limits.CLASSES) - 1}",
        )
