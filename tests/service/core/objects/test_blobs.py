"""A blob lives as long as someone refers to it."""

import threading
import time
from pathlib import Path

import pytest

from service.core.clients import Core
from service.core.objects.storage import Storage, blob_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_the_last_owner_takes_the_blob_along(core: Core, file: Path) -> None:
    blob = core.blobs.put("ds_a", file)
    assert core.blobs.put("ds_b", file) == blob
    core.blobs.drop_all("ds_a")
    core.blobs.drop_all("ds_a")
    assert core.storage.list_keys("blobs/") == [blob_key(blob.sha256)]
    core.blobs.drop_all("ds_b")
    assert core.storage.list_keys("blobs/") == []
    assert core.redis.keys("ladd:*") == []


def test_dropping_what_one_does_not_hold_removes_nothing(core: Core, file: Path) -> None:
    blob = core.blobs.put("ds_a", file)
    core.blobs.drop("ds_b", blob.sha256)
    assert core.storage.list_keys("blobs/") == [blob_key(blob.sha256)]


def test_a_new_owner_waits_for_a_removal_under_way(core: Core, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever found the blob there, and skipped the upload, would otherwise lose it a moment later."""
    blob = core.blobs.put("ds_old", file)
    deleting, delete = threading.Event(), Storage.delete

    def slowly(storage: Storage, key: str) -> None:
        deleting.set()
        time.sleep(0.5)
        delete(storage, key)

    monkeypatch.setattr(Storage, "delete", slowly)
    removal = threading.Thread(target=core.blobs.drop_all, args=["ds_old"])
    removal.start()
    deleting.wait()
    core.blobs.put("ds_new", file)
    removal.join()
    assert core.storage.list_keys("blobs/") == [blob_key(blob.sha256)]
