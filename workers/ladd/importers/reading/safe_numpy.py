"""Read `.npz` and `.npy` files from strangers: headers before data, no objects, arrays memory-mapped from disk."""

import io
import os
import shutil
import tempfile
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_zip import open_zip

_SUFFIX = ".npy"
NPY_MAGIC = npy_format.MAGIC_PREFIX
_KINDS = "biufU"
"""Booleans, integers, floats, text."""
_HEADER_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayHeader:
    """Shape and type that an array's header gives, before its data are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def read_headers(path: Path) -> dict[str, ArrayHeader]:
    """Return the header of every array in an `.npz`, by key.

    Raises ImportRejected for object arrays, and where a header and the bytes behind it disagree.
    """
    headers: dict[str, ArrayHeader] = {}
    with open_zip(path) as archive:
        members = archive.infolist()
        if len(members) > limits.ARRAYS:
            raise rejected(path.name, "array_count", len(members), f"an .npz may have {limits.ARRAYS} arrays")
        for member in members:
            if not member.filename.endswith(_SUFFIX):
                raise rejected(path.name, "arrays_only", member.filename, "an .npz holds .npy members only")
            headers[member.filename.removesuffix(_SUFFIX)] = _read_header(path, archive, member)
    return headers


def read_array(path: Path, key: str, scratch: Path) -> NDArray[np.generic]:
    """Unpack one array, whose header was read before, into a new file in `scratch` and return it memory-mapped."""
    # Not named like the array: with its file's name, that may be longer than a file's name can be.
    handle, target = tempfile.mkstemp(_SUFFIX, dir=scratch)
    try:
        with os.fdopen(handle, "wb") as file, open_zip(path) as archive, archive.open(key + _SUFFIX) as source:
            shutil.copyfileobj(source, file, limits.MiB)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise rejected(f"{path.name}/{key}", "readable_archive", error, f"cannot be inflated: {error}") from error
    return _mapped(Path(target), f"{path.name}/{key}")


def read_npy(path: Path) -> NDArray[np.generic]:
    """Return the array of an `.npy`, memory-mapped; raises ImportRejected as `read_headers` does."""
    with path.open("rb") as file:
        _parsed(path.name, file, path.stat().st_size)
    return _mapped(path, path.name)


def parse_npy(location: str, data: bytes) -> NDArray[np.generic]:
    """Return the array of an `.npy` in memory; raises ImportRejected as `read_headers` does."""
    _parsed(location, io.BytesIO(data), len(data))
    return _mapped(io.BytesIO(data), location)


def _mapped(file: Path | io.BytesIO, location: str) -> NDArray[np.generic]:
    try:
        mode: Literal["r"] | None = "r" if isinstance(file, Path) else None
        array: NDArray[np.generic] = np.load(file, mmap_mode=mode, allow_pickle=False)
    except (ValueError, TypeError, OverflowError) as error:  # more axes or a wider one than an array can have
        raise rejected(location, "readable_array", error, f"not an .npy array: {error}") from error
    return array


def _read_header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> ArrayHeader:
    location = f"{path.name}/{member.filename}"
    try:
        with archive.open(member) as file:
            return _parsed(location, file, member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise rejected(location, "readable_archive", error, f"cannot be inflated: {error}") from error


def _parsed(location: str, file: IO[bytes], size: int) -> ArrayHeader:
    """Check the header that a file of `size` bytes begins with."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, _, dtype = _HEADER_READERS[npy_format.read_magic(file)](file)
            data_bytes = size - file.tell()
    except Exception as error:  # numpy reads headers as Python source and passes on what the tokenizer raises
        raise rejected(location, "readable_array", error, f"not an .npy array: {error}") from error
    if dtype.hasobject:
        raise rejected(
            location, "no_object_arrays", dtype, "arrays of Python objects are pickles and are not read; send numbers"
        )
    if dtype.kind not in _KINDS or not dtype.itemsize or min(shape, default=0) < 0:
        raise rejected(location, "plain_array", f"{dtype} {shape}", "only arrays of numbers or text are read")
    if prod(shape) * dtype.itemsize != data_bytes:
        raise rejected(
            location,
            "array_matches_header",
            f"shape {shape}, {dtype}, {data_bytes} bytes",
            f"the header claims {prod(shape) * dtype.itemsize} bytes of data, {data_bytes} follow",
        )
    return ArrayHeader(shape, dtype)
