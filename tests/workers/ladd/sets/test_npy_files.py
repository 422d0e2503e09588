""".npy files written and read row by row."""

from pathlib import Path

import numpy as np
import pytest

from workers.ladd.sets.npy_files import NpyWriter, iter_rows


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("counts", [[], [1], [3, 0, 200, 1]], ids=str)
def test_rows_written_are_the_array_read(tmp_path: Path, dtype: type, counts: list[int]) -> None:
    rows: np.ndarray = np.arange(sum(counts) * 6).reshape(-1, 2, 3).astype(dtype)
    with NpyWriter(tmp_path / "a.npy", (2, 3), dtype) as writer:
        for start, count in zip(np.cumsum([0, *counts]), counts, strict=False):
            writer.append(rows[start : start + count])
    assert writer.rows == len(rows)
    read = np.load(tmp_path / "a.npy", mmap_mode="r", allow_pickle=False)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, rows)


def test_the_file_is_what_numpy_would_have_written(tmp_path: Path) -> None:
    rows = np.arange(60, dtype=np.float32).reshape(10, 6)
    with NpyWriter(tmp_path / "ours.npy", (6,), np.float32) as writer:
        writer.append(rows)
    np.save(tmp_path / "numpys.npy", rows)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpys.npy").read_bytes()


@pytest.mark.parametrize("rows", [np.zeros((1, 3, 2), np.uint8), np.zeros((1, 2, 3), np.int64), np.zeros((2, 3))])
def test_rows_of_another_kind_are_an_error(tmp_path: Path, rows: np.ndarray) -> None:
    with NpyWriter(tmp_path / "a.npy", (2, 3), np.uint8) as writer, pytest.raises(ValueError, match="rows are"):
        writer.append(rows)


def test_strided_rows_are_written_in_order(tmp_path: Path) -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(0, 2, 1)
    with NpyWriter(tmp_path / "a.npy", (4, 3), np.uint8) as writer:
        writer.append(rows)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), rows)


@pytest.mark.parametrize(("chunk_bytes", "chunks"), [(1, 7), (48, 4), (10**6, 1)])
def test_rows_come_in_chunks(tmp_path: Path, chunk_bytes: int, chunks: int) -> None:
    rows = np.arange(42, dtype=np.float32).reshape(7, 2, 3)
    np.save(tmp_path / "a.npy", rows)
    read = list(iter_rows(tmp_path / "a.npy", chunk_bytes))
    assert len(read) == chunks
    np.testing.assert_array_equal(np.concatenate(read), rows)
