"""Read an `.npy` file in order, a chunk of rows at a time.

By plain reads: pages of a memory map count as this process's memory, up to the whole file.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray


def iter_rows(path: Path, chunk_bytes: int) -> Iterator[NDArray[np.generic]]:
    """Yield rows [k, ...] of a file this service wrote (version 1.0, C order), about `chunk_bytes` at a time."""
    with path.open("rb") as file:
        npy_format.read_magic(file)
        shape, _, dtype = npy_format.read_array_header_1_0(file)
        row = prod(shape[1:])
        rows = max(1, chunk_bytes // (row * dtype.itemsize))
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            yield np.fromfile(file, dtype, count * row).reshape(count, *shape[1:])
