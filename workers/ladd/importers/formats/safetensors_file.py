"""Importer for safetensors files: tensors by the names of `named_arrays`. The format holds no code."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from workers.ladd.importers.formats.named_arrays import NamedArrays, read_named
from workers.ladd.importers.imported import Imported, ImportOptions, Progress
from workers.ladd.importers.reading.described import described_array
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safetensors_errors import safetensors_errors
from workers.ladd.importers.reading.uploaded_file import UploadedFile


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one safetensors file."""
    if len(files) != 1 or files[0].kind != "safetensors":
        return None
    return f"{files[0].path.name} is a safetensors file"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read a distilled or a source set.

    Raises ImportRejected with rule `one_file`, `readable_tensor_file`, or one of `named_arrays`'.
    """
    if len(files) != 1:
        raise rejected("files", "one_file", f"{len(files)} files", "a set in safetensors form is one file")
    path = files[0].path

    def get(key: str) -> NDArray[np.generic]:
        # numpy's TypeError for bfloat16 is one of the library's, too
        with safetensors_errors(f"{path.name}/{key}"), safe_open(path, framework="numpy") as file:
            array: NDArray[np.generic] = file.get_tensor(key)
        return array

    with safetensors_errors(path.name), safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        slices = {key: file.get_slice(key) for key in names}
        arrays = {key: described_array(part.get_dtype(), part.get_shape()) for key, part in slices.items()}
    return read_named(NamedArrays(path.name, path.stat().st_size, arrays, get), options, progress)
