"""Containers are known by their bytes, and one file is one container."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import ImportRejected

Archiving = Callable[[str, Mapping[str, bytes]], Path]
MEMBERS: Mapping[str, bytes] = {"a/1.png": b"not an image", "b/1.png": b"nor this"}


@pytest.mark.parametrize(
    ("name", "container"), [("set.zip", "zip"), ("set.tar", "tar"), ("set.tar.gz", "gzip")], ids=str
)
def test_a_container_is_known_by_its_bytes(archived: Archiving, tmp_path: Path, name: str, container: str) -> None:
    path = archived(name, MEMBERS).rename(tmp_path / "upload")
    assert container_of(path) == container


def test_other_files_are_no_container(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    path.write_text("only the name says zip" * 100)
    assert container_of(path) == "other"


def rule(path: Path) -> str:
    with pytest.raises(ImportRejected) as caught:
        container_of(path)
    assert caught.value.reasons[0].location == path.name
    return caught.value.reasons[0].rule


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.pt"
    path.touch()
    assert rule(path) == "not_empty"


def test_a_zip_cut_short_is_refused(archived: Archiving) -> None:
    path = archived("set.zip", MEMBERS)
    path.write_bytes(path.read_bytes()[:-30])
    assert rule(path) == "not_truncated"


def test_a_file_that_is_both_tar_and_zip_is_refused(archived: Archiving) -> None:
    path = archived("set.tar", MEMBERS)
    path.write_bytes(path.read_bytes() + archived("set.zip", MEMBERS).read_bytes())
    assert rule(path) == "one_container"


def test_a_tar_may_end_in_a_zip(archived: Archiving) -> None:
    """An `.npz` or a `.pt` as its last member, whose end record lies close to the end."""
    path = archived("set.tar", {"set.npz": archived("set.zip", MEMBERS).read_bytes()})
    assert container_of(path) == "tar"


def test_a_zip_behind_a_gzip_is_refused(tmp_path: Path, archived: Archiving) -> None:
    path = tmp_path / "both"
    path.write_bytes(gzip.compress(b"x") + archived("set.zip", MEMBERS).read_bytes())
    assert rule(path) == "one_container"


def test_a_tar_inside_a_zip_is_just_a_zip(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a/1.png"))
    path = tmp_path / "outer.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.tar", inner.getvalue())
    assert container_of(path) == "zip"
