"""Importer for `.npz` files: arrays by the names of `named_arrays`, and class names as an array of text."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from workers.ladd.importers.formats.named_arrays import CLASS_NAMES, NamedArrays, read_named
from workers.ladd.importers.imported import Imported, ImportOptions, Progress
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.described import described_array
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_numpy import ArrayHeader, read_array, read_headers
from workers.ladd.importers.reading.uploaded_file import UploadedFile

_CHARACTER_BYTES = 4


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one zip of `.npy` arrays."""
    if len(files) != 1 or files[0].kind != "arrays":
        return None
    return f"{files[0].path.name} is a zip of .npy arrays"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read a distilled or a source set.

    Raises ImportRejected with rule `one_file`, `class_names_text`, or one of the readers' and `named_arrays`'.
    """
    if len(files) != 1:
        raise rejected("files", "one_file", f"{len(files)} files", "a set in .npz form is one file")
    path = files[0].path
    headers = read_headers(path)
    arrays = {key: described_array(header.dtype, header.shape) for key, header in headers.items()}
    named = NamedArrays(path.name, path.stat().st_size, arrays, lambda key: read_array(path, key, scratch))
    imported = read_named(named, options, progress)
    names = _class_names(path, headers, scratch)
    return replace(imported, class_names=names and options.renamed(names, f"{path.name}/class_names"))


def _class_names(path: Path, headers: Mapping[str, ArrayHeader], scratch: Path) -> list[str] | None:
    key = next((key for key in CLASS_NAMES if key in headers), "")
    header = headers.get(key)
    if header is None or header.dtype.kind != "U" or len(header.shape) != 1:
        return None
    location = f"{path.name}/{key}"
    width = header.dtype.itemsize // _CHARACTER_BYTES
    if header.shape[0] > limits.CLASSES or width > limits.NAME_LENGTH:
        message = f"there may be {limits.CLASSES} names of {limits.NAME_LENGTH} characters"
        raise rejected(location, "class_names_text", f"{header.shape[0]} of {width}", message)
    array = read_array(path, key, scratch)
    # numpy keeps whatever 32 bits stand in the file.
    codes = np.frombuffer(array.tobytes(), dtype=f"{array.dtype.byteorder}u4")
    if np.any((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes <= 0xDFFF))):
        raise rejected(location, "class_names_text", None, "the names hold characters that Unicode does not have")
    return [str(name) for name in array]
