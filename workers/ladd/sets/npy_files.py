"""`.npy` files larger than memory: written row by row, read a chunk of rows at a time."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import DTypeLike, NDArray


class NpyWriter:
    """A growing `.npy` file of rows of one shape, of any number; it is complete once its context is left."""

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.path = path
        self.rows = 0
        self._row_shape = row_shape
        self._dtype = np.dtype(dtype)
        self._file: BinaryIO = path.open("wb")
        self._header_size = self._write_header()

    def append(self, rows: NDArray[np.generic]) -> None:
        """Append rows [k, *row_shape] of the writer's dtype."""
        if rows.shape[1:] != self._row_shape or rows.dtype != self._dtype:
            raise ValueError(f"rows are {rows.dtype} {rows.shape}, expected {self._dtype} [k, {self._row_shape}]")
        self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def _write_header(self) -> int:
        shape = (self.rows, *self._row_shape)
        descr = npy_format.dtype_to_descr(self._dtype)
        npy_format.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})
        return self._file.tell()

    def __enter__(self) -> "NpyWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                # numpy pads headers so that the first axis can grow in place
                if self._write_header() != self._header_size:
                    raise RuntimeError(f"{self.path}: the .npy header changed its size")


def iter_rows(path: Path, chunk_bytes: int) -> Iterator[NDArray[np.generic]]:
    """Yield rows [k, ...] of a file this service wrote (version 1.0, C order), about `chunk_bytes` at a time.

    By plain reads: pages of a memory map count as this process's memory, up to the whole file.
    """
    with path.open("rb") as file:
        npy_format.read_magic(file)
        shape, _, dtype = npy_format.read_array_header_1_0(file)
        row = prod(shape[1:])
        rows = max(1, chunk_bytes // (row * dtype.itemsize))
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            yield np.fromfile(file, dtype, count * row).reshape(count, *shape[1:])
