"""The cache downloads a blob once and keeps what was used last."""

import os
import stat
from pathlib import Path

import pytest

from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.objects.storage import blob_of
from workers.supervisor.input_cache import InputCache


@pytest.fixture
def cache(core: Core, tmp_path: Path) -> InputCache:
    return InputCache(core.storage, tmp_path / "cache", limit=2500)


def stored(core: Core, path: Path, content: bytes) -> str:
    path.write_bytes(content)
    blob = blob_of(path)
    core.storage.upload_blob(path, blob)
    return blob.sha256


def test_a_blob_is_downloaded_once(core: Core, cache: InputCache, tmp_path: Path) -> None:
    sha256 = stored(core, tmp_path / "file", b"x" * 1000)
    cache.place(sha256, tmp_path / "first")
    core.storage.delete(f"blobs/sha256/{sha256[:2]}/{sha256}")
    cache.place(sha256, tmp_path / "second")
    assert (tmp_path / "first").samefile(tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == b"x" * 1000
    assert stat.S_IMODE((tmp_path / "second").stat().st_mode) == 0o444


def test_the_least_recently_used_is_dropped_but_stays_with_its_user(
    core: Core, cache: InputCache, tmp_path: Path
) -> None:
    digests = [stored(core, tmp_path / "file", bytes([number]) * 1000) for number in range(3)]
    cache.place(digests[0], tmp_path / "0")
    cache.place(digests[1], tmp_path / "1")
    for age, digest in ((200, digests[1]), (100, digests[0])):
        used = (tmp_path / "cache" / digest).stat().st_mtime - age
        os.utime(tmp_path / "cache" / digest, (used, used))
    cache.place(digests[2], tmp_path / "2")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {digests[0], digests[2]}
    assert (tmp_path / "1").read_bytes() == b"\x01" * 1000


def test_a_blob_that_is_not_there_leaves_nothing(core: Core, cache: InputCache, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="has no"):
        cache.place("0" * 64, tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_as_much_is_dropped_as_room_is_needed(core: Core, cache: InputCache, tmp_path: Path) -> None:
    digests = [stored(core, tmp_path / "file", bytes([number]) * 100) for number in range(3)]
    for age, digest in zip((300, 100, 200), digests, strict=True):
        cache.place(digest, tmp_path / digest)
        used = (tmp_path / "cache" / digest).stat().st_mtime - age
        os.utime(tmp_path / "cache" / digest, (used, used))
    cache.drop_until(lambda: len(list((tmp_path / "cache").iterdir())) == 1)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [digests[1]]
    assert (tmp_path / digests[0]).read_bytes() == b"\0" * 100
