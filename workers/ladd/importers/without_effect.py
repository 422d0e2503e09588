"""Fields of the metadata that this upload leaves without effect: each is named, none is passed over in silence."""

from collections.abc import Iterator

from api_schemas.datasets import DatasetRole, Resize
from method.class_maps import IMAGEFOLDER
from workers.ladd.importers.imported import Imported, ImportOptions

FOLDERS = ("class_folders", "sre2l", "lpld", "rded")
"""Formats of image files, which are resized where a resolution is given."""
EXPERIMENTS = ("dc", "dsa", "dm", "glad")
"""Formats whose files hold several experiments."""


def without_effect(imported: Imported, format: str, options: ImportOptions) -> list[str]:
    """Return a warning for each field that was given and changes nothing."""
    return [f"{field} has no effect: {why}" for field, why in _idle(imported, format, options)]


def _idle(imported: Imported, format: str, options: ImportOptions) -> Iterator[tuple[str, str]]:
    is_source = options.role is DatasetRole.SOURCE
    if options.soft_labels != "auto" and all(split.label_columns is None for split in imported.splits.values()):
        yield "soft_labels", "the labels are class indices"
    if options.experiment is not None and format not in EXPERIMENTS:
        yield "experiment", f"the files of {format} hold one set"
    # The metadata is stored with its defaults: a field that has its own may not have been given.
    if options.resize is not Resize.CENTER_CROP and (options.resolution is None or format not in FOLDERS):
        yield "resize", "no resolution is given" if format in FOLDERS else "arrays are not resized"
    if options.class_map == IMAGEFOLDER and format not in FOLDERS and options.source is None:
        yield "class_map", "no source set is known whose sorted folders the labels could count"
    if is_source and options.source_dataset is not None:
        yield "source_dataset", "this is a source set itself"
    for field in ("learned_lr", "distillation_flops"):
        if is_source and getattr(options, field) is not None:
            yield field, "it is for distilled sets"
