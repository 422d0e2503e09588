"""Members of tars and zips: what comes out, and the tricks that are refused."""

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from api_schemas.problems import Reason
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.reading.safe_archive import iter_files

Archiving = Callable[[str, Mapping[str, bytes]], Path]


def refusal(path: Path) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        [file.read() for file in iter_files(path)]
    [reason] = caught.value.reasons
    return reason


def write_tar(path: Path, *members: tarfile.TarInfo, kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=kind) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz"])
def test_files_come_out_as_they_went_in(archived: Archiving, name: str) -> None:
    members = {f"top/{'long' * 40}/{index}.png": bytes([index]) * size for index, size in enumerate([0, 1, 512, 5000])}
    path = archived(name, members)
    assert {file.name: file.read() for file in iter_files(path)} == members


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz"])
def test_files_may_be_left_unread_and_the_position_grows_to_the_end(archived: Archiving, name: str) -> None:
    path = archived(name, {f"a/{index}.png": bytes(range(256)) * 100 for index in range(20)})
    positions = [file.position for file in iter_files(path)]
    assert len(positions) == 20
    assert positions == sorted(positions)
    assert positions[-1] <= path.stat().st_size


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_folders_are_passed_over_in_every_dialect(tmp_path: Path, kind: int) -> None:
    path = write_tar(tmp_path / "set.tar", member("a", tarfile.DIRTYPE), member("a/1.png", size=3), kind=kind)
    assert [(file.name, file.read()) for file in iter_files(path)] == [("a/1.png", bytes(3))]


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_do_not_hide_path_tricks(tmp_path: Path, kind: int) -> None:
    reason = refusal(write_tar(tmp_path / "set.tar", member("a/" * 100 + "../1.png"), kind=kind))
    assert reason.rule == "no_path_tricks"


@pytest.mark.parametrize("name", ["../1.png", "/1.png", "a/../../b.png"])
def test_path_tricks_are_refused(tmp_path: Path, name: str) -> None:
    assert refusal(write_tar(tmp_path / "set.tar", member(name))).rule == "no_path_tricks"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=str
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    assert refusal(write_tar(tmp_path / "set.tar", member("a/1.png", kind))).rule == "regular_files_only"


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    info = member("a/1.png")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": str(10**12)}
    assert refusal(write_tar(tmp_path / "set.tar", info)).rule == "regular_files_only"


def test_a_giant_extended_header_is_refused_unread(tmp_path: Path) -> None:
    info = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 10**10
    path = tmp_path / "set.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert refusal(path).rule == "header_size"


@pytest.mark.parametrize("records", [b"9999 path=x\n", b"x path=x\n", b"3 \n", b"5"])
def test_broken_pax_headers_are_refused(tmp_path: Path, records: bytes) -> None:
    info = member("pax", tarfile.XHDTYPE, size=len(records))
    path = tmp_path / "set.tar"
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0") + bytes(1024))
    assert refusal(path).rule == "readable_archive"


@pytest.mark.parametrize("name", ["set.tar", "set.tar.gz"])
@pytest.mark.parametrize("kept", [0.3, 0.6])
def test_a_tar_cut_short_is_refused(archived: Archiving, name: str, kept: float) -> None:
    path = archived(name, {f"a/{index}.png": bytes(range(256)) * 10 for index in range(10)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert refusal(path).rule == "not_truncated"


def test_a_tar_that_stops_between_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    path.write_bytes(member("a/1.png").tobuf())
    assert refusal(path).rule == "not_truncated"


def test_a_broken_tar_header_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "set.tar", member("a/1.png"))
    content = bytearray(path.read_bytes())
    content[512:1024] = b"x" * 512
    path.write_bytes(content)
    assert refusal(path).rule == "readable_archive"


def test_a_gzip_with_broken_data_is_refused(archived: Archiving) -> None:
    path = archived("set.tar.gz", {"a/1.png": bytes(range(256)) * 10})
    content = bytearray(path.read_bytes())
    content[20:40] = bytes(20)
    path.write_bytes(content)
    assert refusal(path).rule == "readable_archive"


def test_a_zip_member_with_broken_data_is_refused(archived: Archiving) -> None:
    path = archived("set.zip", {"a/1.png": bytes(range(256)) * 10})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    reason = refusal(path)
    assert reason.rule == "readable_archive"
    assert reason.location == "set.zip/a/1.png"


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member("a/1.dat", size=limits.RATIO_FREE_BYTES * 2).tobuf())
        file.write(bytes(limits.RATIO_FREE_BYTES * 2))
    with pytest.raises(ImportRejected) as caught:
        list(iter_files(path))
    assert caught.value.reasons[0].rule == "compression_ratio"


def test_the_inflated_size_has_a_limit(archived: Archiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INFLATED_BYTES", 2000)
    assert refusal(archived("set.tar.gz", {"a/1.png": bytes(4000)})).rule == "inflated_size"


@pytest.mark.parametrize("name", ["set.zip", "set.tar"])
def test_one_file_has_a_limit(archived: Archiving, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(limits, "MEMBER_BYTES", 100)
    assert refusal(archived(name, {"a/1.png": bytes(101)})).rule == "member_size"


def test_the_number_of_files_has_a_limit(archived: Archiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS", 1)
    assert refusal(archived("set.tar", {"a/1.png": b"", "a/2.png": b""})).rule == "member_count"
