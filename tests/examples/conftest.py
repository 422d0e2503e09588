"""Made-up data in the files of Fashion-MNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

COUNTS = {"train": 60_000, "t10k": 10_000}


def write(path: Path, magic: int, values: NDArray[np.uint8]) -> None:
    header = np.array([magic, *values.shape], dtype=">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes(), compresslevel=1))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the real sizes in which image i is i // 10 all over, of class i % 10."""
    folder = tmp_path_factory.mktemp("fashion-mnist")
    for prefix, count in COUNTS.items():
        numbers = np.arange(count)
        images = np.broadcast_to((numbers // 10 % 256).astype(np.uint8)[:, None, None], (count, 28, 28))
        write(folder / f"{prefix}-images-idx3-ubyte.gz", 0x0803, np.ascontiguousarray(images))
        write(folder / f"{prefix}-labels-idx1-ubyte.gz", 0x0801, (numbers % 10).astype(np.uint8))
    return folder
