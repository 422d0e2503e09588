"""Tensor files and pickles are read without running them."""

import datetime
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.reading.safe_torch import as_array, is_pickle, read_torch

Saving = Callable[[str, object], Path]


class Command:
    """Pickles to a shell command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def refusal(path: Path) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        read_torch(path)
    [reason] = caught.value.reasons
    assert reason.location == path.name
    return reason


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4),
        torch.arange(12).reshape(3, 4).T,
        torch.arange(12, dtype=torch.uint8)[4:],
        torch.zeros(0),
        torch.tensor(0.03, dtype=torch.float64),
        torch.nn.Parameter(torch.arange(3.0)),
    ],
    ids=["plain", "transposed", "slice", "nothing", "scalar", "parameter"],
)
def test_tensors_come_out_as_they_went_in(saved: Saving, tensor: torch.Tensor) -> None:
    loaded = read_torch(saved("images.pt", tensor))
    assert isinstance(loaded, torch.Tensor)
    assert loaded.dtype == tensor.dtype
    assert torch.equal(loaded, tensor)


def test_lists_dicts_and_numpy_scalars_are_read(saved: Saving) -> None:
    content = OrderedDict(
        data=[[torch.ones(2, 3), torch.arange(2)]],
        accs_all_exps={"ConvNet": [np.float64(0.42), np.float32(0.5), 0.25, None, "text"]},
    )
    loaded = read_torch(saved("res.pt", content))
    assert isinstance(loaded, dict)
    assert torch.equal(loaded["data"][0][0], torch.ones(2, 3))
    assert loaded["accs_all_exps"]["ConvNet"] == [0.42, 0.5, 0.25, None, "text"]


def test_numpy_scalars_under_their_old_module_name_are_read(saved: Saving, tmp_path: Path) -> None:
    """numpy 2 renamed numpy.core to numpy._core; the public DC files predate it."""
    path = saved("new.pt", {"accs": [np.float64(0.42)]})
    old = tmp_path / "old.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(old, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"numpy._core.", b"numpy.core."))
    assert read_torch(old) == {"accs": [np.float64(0.42)]}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_with_code_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    path, target = tmp_path / "images.pt", tmp_path / "run"
    path.write_bytes(pickle.dumps(Command(target), protocol))
    assert is_pickle(path)
    reason = refusal(path)
    assert reason.rule == "no_code_in_pickle"
    assert reason.value == "posix.system"
    assert not target.exists()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_tensor_file_with_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    path, target = tmp_path / "images.pt", tmp_path / "run"
    torch.save({"data": Command(target)}, path, _use_new_zipfile_serialization=zipped)
    assert refusal(path).rule == ("no_code_in_pickle" if zipped else "torch_zip_format")
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (datetime.date(2025, 1, 1), "datetime.date"),
        (bytearray(3), "__builtin__.bytearray"),
        (torch.eye(2).to_sparse(), "torch._utils._rebuild_sparse_tensor"),
        (np.ma.zeros(3), "numpy.ma.core._mareconstruct"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_objects_that_no_tensor_file_needs_are_refused(saved: Saving, content: object, name: str) -> None:
    reason = refusal(saved("images.pt", [content]))
    assert reason.rule == "no_code_in_pickle"
    assert reason.value == name


@pytest.mark.parametrize(
    "array",
    [np.array([0.5, 0.25]), np.arange(6).reshape(2, 3).T, np.array([[1.5]], ">f4"), np.array(2.0), np.array([True])],
    ids=["floats", "transposed", "big-endian", "no axes", "booleans"],
)
def test_numpy_arrays_beside_tensors_come_as_they_are(saved: Saving, array: np.ndarray) -> None:
    loaded = read_torch(saved("res.pt", {"data": torch.zeros(2), "accs": [array]}))
    assert isinstance(loaded, dict)
    found = as_array(loaded["accs"][0], "accs")
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, array, strict=array.dtype.isnative)
    assert np.dtype("f4").isnative, "the byte order of one array must not become that of all"


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), np.zeros(1, "i4,i4")], ids=["text", "objects", "fields"]
)
def test_numpy_arrays_of_anything_but_numbers_are_refused_in_words(saved: Saving, array: np.ndarray) -> None:
    reason = refusal(saved("res.pt", {"accs": array}))
    assert reason.rule == "readable_tensor_file"
    assert "which are no plain numbers" in reason.message


def test_a_numpy_array_has_no_more_than_the_bytes_that_follow(tmp_path: Path) -> None:
    """One of 10^12 elements, whose claim is changed in the pickle of one of 9."""
    torch.save(np.zeros(9, np.uint8), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    claimed = {
        name: data.replace(b"K\x09\x85", b"\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85") for name, data in members.items()
    }
    assert claimed != members
    with zipfile.ZipFile(tmp_path / "res.pt", "w") as archive:
        for name, data in claimed.items():
            archive.writestr(name, data)
    assert "that is not what follows" in refusal(tmp_path / "res.pt").message


def test_a_numpy_scalar_cannot_claim_gigabytes(saved: Saving) -> None:
    assert refusal(saved("res.pt", {"accs": [np.void(b"0123456789")]})).rule == "readable_tensor_file"


def test_a_bare_pickle_without_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.pt"
    path.write_bytes(pickle.dumps({"data": [1, 2, 3]}))
    assert refusal(path).rule == "torch_zip_format"


@pytest.mark.parametrize(
    "claim",
    [
        torch.zeros(1).expand(10**10),
        torch.zeros(3).expand(2, 3),
    ],
    ids=["ten billion", "twice"],
)
def test_a_tensor_larger_than_its_storage_is_refused(saved: Saving, claim: torch.Tensor) -> None:
    path = saved("images.pt", {"data": [[claim, torch.zeros(1)]]})
    assert path.stat().st_size < 4000
    assert refusal(path).rule == "tensor_fits_storage"


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(saved: Saving, tmp_path: Path) -> None:
    path = saved("images.pt", torch.zeros(70_000))
    larger = tmp_path / "larger.pt"
    size = (70_000).to_bytes(4, "little")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(larger, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                assert size in content
                content = content.replace(size, (2**31 - 1).to_bytes(4, "little"))
            target.writestr(name, content)
    assert refusal(larger).rule in ("readable_tensor_file", "tensor_fits_storage")


def test_a_missing_storage_is_refused(saved: Saving, tmp_path: Path) -> None:
    path = saved("images.pt", torch.zeros(100))
    partial = tmp_path / "partial.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(partial, "w") as target:
        for name in source.namelist():
            if not name.endswith("data/0"):
                target.writestr(name, source.read(name))
    assert refusal(partial).rule == "readable_tensor_file"


def test_a_compressed_tensor_file_is_refused(saved: Saving, tmp_path: Path) -> None:
    path = saved("images.pt", torch.zeros(100))
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert refusal(packed).rule == "torch_zip_format"


def test_a_broken_pickle_is_refused(saved: Saving, tmp_path: Path) -> None:
    path = saved("images.pt", torch.zeros(100))
    broken = tmp_path / "broken.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[:40] if name.endswith("data.pkl") else content)
    assert refusal(broken).rule == "readable_tensor_file"


def test_the_pickle_has_a_limit(saved: Saving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PICKLE_BYTES", 100)
    assert refusal(saved("images.pt", ["text" * 100])).rule == "pickle_size"


def test_text_is_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "notes.pt"
    path.write_text("images and labels")
    assert not is_pickle(path)
