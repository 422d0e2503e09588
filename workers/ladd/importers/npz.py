"""Importer for `.npz` files: arrays by the names of `named_arrays`, and class names as an array of text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from workers.ladd.importers.imported import Imported, ImportOptions, Progress
from workers.ladd.importers.named_arrays import read_named
from workers.ladd.importers.rejected import rejected
from workers.ladd.importers.safe_numpy import ArrayHeader, read_array, read_headers
from workers.ladd.importers.uploaded_file import UploadedFile


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one zip of `.npy` arrays."""
    if len(files) != 1 or files[0].kind != "arrays":
        return None
    return f"{files[0].path.name} is a zip of .npy arrays"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read a distilled or a source set.

    Raises ImportRejected with rule `one_file`, or one of the readers' and `named_arrays`'.
    """
    if len(files) != 1:
        raise rejected("files", "one_file", f"{len(files)} files", "a set in .npz form is one file")
    path = files[0].path
    headers = read_headers(path)
    imported = read_named(
        path.name, headers, lambda key: read_array(path, key, scratch), options, progress, path.stat().st_size
    )
    return replace(imported, class_names=_class_names(path, headers, scratch))


def _class_names(path: Path, headers: Mapping[str, ArrayHeader], scratch: Path) -> list[str] | None:
    header = headers.get("class_names")
    if header is None or header.dtype.kind != "U" or len(header.shape) != 1:
        return None
    return [str(name) for name in read_array(path, "class_names", scratch)]
