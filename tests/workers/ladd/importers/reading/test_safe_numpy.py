""".npy and .npz without objects, and no header believed."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from api_schemas.problems import Reason
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.reading.safe_numpy import read_array, read_headers


def refusal(path: Path) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        read_headers(path)
    [reason] = caught.value.reasons
    return reason


def write_member(path: Path, data: bytes, name: str = "x.npy") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_out_memory_mapped(tmp_path: Path, save: Callable[..., None]) -> None:
    arrays: dict[str, np.ndarray] = {
        "x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "y": np.asfortranarray(np.eye(3, 2)),
    }
    path = tmp_path / "set.npz"
    save(path, **arrays)
    headers = read_headers(path)
    for key, array in arrays.items():
        assert (headers[key].shape, headers[key].dtype) == (array.shape, array.dtype)
        read = read_array(path, key, tmp_path)
        assert isinstance(read, np.memmap)
        np.testing.assert_array_equal(read, array)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    reason = refusal(path)
    assert reason.rule == "no_object_arrays"
    assert reason.location == "set.npz/x.npy"


def test_a_header_that_claims_more_than_follows_is_refused(tmp_path: Path) -> None:
    data = npy(np.zeros((10, 4), np.float32)).replace(b"(10, 4)", b"(9**9,)"[:7])
    data = data.replace(b"(9**9,)", b"(9999,)")
    assert refusal(write_member(tmp_path / "set.npz", data)).rule == "array_matches_header"


def test_a_broken_header_is_refused(tmp_path: Path) -> None:
    assert refusal(write_member(tmp_path / "set.npz", b"\x93NUMPY\x01\x00\x02\x00{}")).rule == "readable_array"
    assert refusal(write_member(tmp_path / "set.npz", b"no array")).rule == "readable_array"
    assert refusal(write_member(tmp_path / "set.npz", b"\x93NUMPY\x09\x00")).rule == "readable_array"


def npy_header(header: str) -> bytes:
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header.encode()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0,), }".ljust(100_000) + "\n",
        "(" * 5_000,
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0",
        "__import__('os').system('true')",
        "{'descr': '\\q', 'fortran_order': False, 'shape': (0,), }\n",
    ],
    ids=["giant", "deep", "open", "code", "bad escape"],
)
def test_headers_that_are_no_small_literal_are_refused(tmp_path: Path, header: str) -> None:
    assert refusal(write_member(tmp_path / "set.npz", npy_header(header))).rule == "readable_array"


@pytest.mark.parametrize(
    ("descr", "shape"),
    [("'|S0'", "(10000000000,)"), ("'|V3'", "(0,)"), ("'<M8[s]'", "(0,)"), ("'|u1'", "(-2, -3)"), ("'<c8'", "(0,)")],
)
def test_arrays_that_are_not_plain_are_refused(tmp_path: Path, descr: str, shape: str) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"
    assert refusal(write_member(tmp_path / "set.npz", npy_header(header))).rule == "plain_array"


def test_other_members_are_refused(tmp_path: Path) -> None:
    assert refusal(write_member(tmp_path / "set.npz", b"text", "x.txt")).rule == "arrays_only"


def test_broken_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, x=np.arange(10_000))
    content = bytearray(path.read_bytes())
    content[5_000] ^= 0xFF
    path.write_bytes(content)
    read_headers(path)
    with pytest.raises(ImportRejected) as caught:
        read_array(path, "x", tmp_path)
    assert caught.value.reasons[0].rule == "readable_archive"
