"""Every form and encoding of the archive, read by the client as the workers read it."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ladd_client.archive import ArchiveError, read_archive

from workers.ladd.archive import archive as written
from workers.ladd.archive.exports import write_export

RNG = np.random.default_rng(0)
IMAGES: dict[str, np.ndarray[Any, Any]] = {
    "pixels": RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8),
    "floats": RNG.normal(size=(4, 3, 8, 8)).astype(np.float32),
}
DENSE = RNG.dirichlet(np.ones(5), size=(4, 4)).astype(np.float32)
MANIFEST = {
    "views": {"n": 2, "ratio": 0.5},
    "classes": ["a", "b", "c", "d", "e"],
    "normalization": {"name": "none", "mean": None, "std": None, "applied": False},
}


def write(path: Path, images: str = "pixels", encoding: str = "float32", image_format: str = "npy") -> written.Archive:
    labels = np.arange(4, dtype=np.int64)
    written.write_archive(
        path, IMAGES[images], labels, DENSE, DENSE[:, 0], MANIFEST, DENSE[:, 1], encoding, image_format
    )
    return written.read_archive(path)


def compare(path: Path, expected: written.Archive) -> None:
    found = read_archive(path)
    for name in ("images", "labels", "dense_labels", "full_labels", "soft_labels"):
        array = getattr(found, name)
        assert array.dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(array, getattr(expected, name))
    assert found.manifest == expected.manifest


@pytest.mark.parametrize("encoding", ["float32", "float16", "uint8", "uint4", "topk:3"])
def test_every_encoding_is_decoded_to_the_last_bit(tmp_path: Path, encoding: str) -> None:
    compare(tmp_path / "archive.zip", write(tmp_path / "archive.zip", encoding=encoding))


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_images_may_be_files(tmp_path: Path, image_format: str) -> None:
    compare(tmp_path / "archive.zip", write(tmp_path / "archive.zip", image_format=image_format))


@pytest.mark.parametrize("form", ["safetensors", "webdataset", "parquet"])
@pytest.mark.parametrize("images", IMAGES)
def test_every_form_holds_the_same(tmp_path: Path, form: str, images: str) -> None:
    archive = write(tmp_path / "archive.zip", images, "uint8")
    # Its content says what it is, not its name.
    write_export(archive, form, tmp_path / "archive.zip")
    compare(tmp_path / "archive.zip", archive)


def test_mtts_form_is_refused_because_it_is_pickles(tmp_path: Path) -> None:
    write_export(write(tmp_path / "archive.zip"), "mtt", tmp_path / "archive.mtt.zip")
    with pytest.raises(ArchiveError, match=r"holds pickles.*--format zip"):
        read_archive(tmp_path / "archive.mtt.zip")


def test_no_member_is_unpickled(tmp_path: Path) -> None:
    write(tmp_path / "archive.zip")
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    replace_member(tmp_path / "archive.zip", "labels.npy", buffer.getvalue())
    with pytest.raises(ArchiveError, match="allow_pickle=False"):
        read_archive(tmp_path / "archive.zip")


def replace_member(path: Path, name: str, content: bytes | None) -> None:
    """With None it is left out."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for each, data in members.items():
            if each != name:
                archive.writestr(each, data)
            elif content is not None:
                archive.writestr(each, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version of its manifest must be 1; got 2: a newer ladd-client may read it"),
        ({"encoding": "uint2"}, "encoding 'uint2' is not known"),
        ({"views": {"n": 3, "ratio": 0.5}}, r"labels of \[4, 4, 5\] do not fit 4 images of 9 views"),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    archive = write(tmp_path / "archive.zip")
    replace_member(tmp_path / "archive.zip", "manifest.json", json.dumps({**archive.manifest, **change}).encode())
    with pytest.raises(ArchiveError, match=message):
        read_archive(tmp_path / "archive.zip")


@pytest.mark.parametrize("member", ["images.npy", "full_labels.npy", "manifest.json"])
def test_what_is_missing_is_named(tmp_path: Path, member: str) -> None:
    write(tmp_path / "archive.zip")
    replace_member(tmp_path / "archive.zip", member, None)
    with pytest.raises(ArchiveError, match=f"it lacks .*{member.removesuffix('.npy')}"):
        read_archive(tmp_path / "archive.zip")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4 cut off", b"PAR1", b"\x08" + 7 * b"\0" + b"{broken}"])
def test_other_files_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"file: no archive of the LADD service, or a damaged one: \w"):
        read_archive(tmp_path / "file")


@pytest.mark.parametrize("form", ["safetensors", "webdataset", "parquet", "zip"])
def test_a_file_that_is_cut_off_is_no_archive(tmp_path: Path, form: str) -> None:
    path = tmp_path / "archive"
    archive = write(path)
    if form != "zip":
        write_export(archive, form, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArchiveError, match="no archive of the LADD service, or a damaged one"):
        read_archive(path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_export(write(tmp_path / "archive.zip"), "parquet", tmp_path / "set.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ArchiveError, match=r"parquet needs pyarrow: pip install pyarrow"):
        read_archive(tmp_path / "set.parquet")
