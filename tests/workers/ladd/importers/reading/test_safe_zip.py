"""Zips of every writer, and those whose parts contradict one another."""

import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.reading.safe_zip import open_zip

Archiving = Callable[[str, Mapping[str, bytes]], Path]


def refusal(path: Path) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        open_zip(path)
    [reason] = caught.value.reasons
    return reason


def write_zip(path: Path, name: str = "a/1.png", data: bytes = b"data", **attributes: int) -> Path:
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, data)
        archive.writestr("b/1.png", b"more")
    return path


def patch(path: Path, old: bytes, new: bytes, count: int = 1) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


def test_zips_of_every_usual_writer_are_read(tmp_path: Path, archived: Archiving) -> None:
    torch.save(torch.zeros(3), tmp_path / "a.pt")
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    np.savez_compressed(tmp_path / "c.npz", x=np.zeros(3))
    with open(tmp_path / "d.zip", "wb") as file, zipfile.ZipFile(cast(BinaryIO, Unseekable(file)), "w") as archive:
        archive.writestr("streamed.txt", b"with data descriptors")
        archive.writestr("again.txt", b"with data descriptors")
    write_zip(tmp_path / "e.zip")
    for path in sorted(tmp_path.iterdir()):
        with open_zip(path) as opened:
            assert opened.testzip() is None, path


class Unseekable:
    """A file like the pipe that a zip is sent through."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


@pytest.mark.parametrize("name", ["../1.png", "a/../../1.png", "/etc/1.png", "a\\1.png", "C:/1.png"])
def test_paths_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    reason = refusal(write_zip(tmp_path / "set.zip", name))
    assert reason.rule == "no_path_tricks"
    assert ascii(name) == reason.value


def test_links_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", data=b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert refusal(path).rule == "regular_files_only"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path: Path, method: int) -> None:
    assert refusal(write_zip(tmp_path / "set.zip", compress_type=method)).rule == "stored_or_deflated"


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert refusal(path).rule == "not_encrypted"


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", "b/2.png")
    assert refusal(patch(path, b"b/2.png", b"b/1.png", count=2)).rule == "unique_members"


def test_a_local_header_with_another_name_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    reason = refusal(patch(path, b"a/1.png", b"a/2.png"))
    assert reason.rule == "headers_agree"
    assert reason.value == "a/1.png"


def test_a_local_header_with_another_size_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, 22, 5)
    path.write_bytes(content)
    assert refusal(path).rule == "headers_agree"


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", content, second + 42, 0)
    path.write_bytes(content)
    assert refusal(path).rule in ("no_extra_bytes", "headers_agree")


def test_bytes_before_the_first_member_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    path.write_bytes(b"MZ executable" + path.read_bytes())
    assert refusal(path).rule == "no_extra_bytes"


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    path.write_bytes(path.read_bytes() + b"tail")
    assert refusal(path).rule == "no_extra_bytes"


def test_bytes_between_members_and_index_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip")
    content = path.read_bytes()
    index = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    hidden = b"hidden"
    moved = bytearray(content[:index] + hidden + content[index:])
    struct.pack_into("<L", moved, end + len(hidden) + 16, index + len(hidden))
    path.write_bytes(moved)
    assert refusal(path).rule == "no_extra_bytes"


def test_a_broken_index_is_refused(tmp_path: Path) -> None:
    path = patch(write_zip(tmp_path / "set.zip"), b"PK\x01\x02", b"PK\x01\x09")
    assert refusal(path).rule == "readable_archive"


def test_an_index_beyond_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CENTRAL_DIRECTORY_BYTES", 100)
    assert refusal(write_zip(tmp_path / "set.zip")).rule == "member_count"


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ZIP_MEMBERS", 1)
    assert refusal(write_zip(tmp_path / "set.zip")).rule == "member_count"


def test_a_count_that_lies_is_found_before_the_index_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = patch(write_zip(tmp_path / "set.zip"), struct.pack("<2H", 2, 2), struct.pack("<2H", 1, 1))
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_: pytest.fail("it was parsed"))
    assert refusal(path).rule == "headers_agree"


def test_two_end_records_that_readers_choose_from_differently_are_refused(tmp_path: Path) -> None:
    """Without its locator `zipfile` passes over a zip64 record, and would read an index of any size."""
    path = write_zip(tmp_path / "set.zip")
    content = path.read_bytes()
    end = content.index(b"PK\x05\x06")
    small = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 50, 0)
    for locator in (bytes(20), struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)):
        record = small if not any(locator) else bytes(56)
        path.write_bytes(content[:end] + record + locator + content[end:])
        assert refusal(path).rule == "readable_archive"


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a/1.png", bytes(limits.RATIO_FREE_BYTES + 1))
    reason = refusal(path)
    assert reason.rule == "compression_ratio"
    assert str(limits.RATIO_FREE_BYTES + 1) in str(reason.value)


def test_regular_content_of_few_bytes_passes_whatever_its_ratio(tmp_path: Path) -> None:
    path = tmp_path / "flat.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(1024 * 1024))
    with open_zip(path) as archive:
        assert archive.infolist()[0].file_size > limits.RATIO * archive.infolist()[0].compress_size


def test_the_inflated_size_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INFLATED_BYTES", 7)
    assert refusal(write_zip(tmp_path / "set.zip")).rule == "inflated_size"
