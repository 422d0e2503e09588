"""The object storage on a real S3 server."""

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.objects.storage import PART_BYTES, Storage, blob_key, blob_of
from tests.faulty_s3 import FaultyS3


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    with closing(Storage(settings)) as storage:
        yield storage


def test_ensure_bucket_may_be_called_again_and_makes_a_new_one(settings: Settings) -> None:
    for _ in range(2):
        with closing(Storage(settings.model_copy(update={"s3_bucket": "another"}))) as storage:
            storage.ensure_bucket()
            storage.check()
            assert storage.list_keys("") == []


def test_documents(storage: Storage) -> None:
    assert storage.get_json("a/b.json") is None
    assert storage.put_json("a/b.json", {"x": "é", "y": [1.5, None]})
    assert storage.get_json("a/b.json") == {"x": "é", "y": [1.5, None]}
    assert storage.list_keys("a/") == ["a/b.json"]
    storage.delete("a/b.json")
    storage.delete("a/b.json")
    assert storage.list_keys("a/") == []


def test_documents_hold_numbers_alone(storage: Storage) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        storage.put_json("nan.json", {"loss": float("nan")})


def test_a_conditional_put_has_one_winner(storage: Storage) -> None:
    stored = []

    def race(number: int) -> None:
        if storage.put_json("once.json", {"number": number}, if_absent=True):
            stored.append(number)

    threads = [threading.Thread(target=race, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored) == 1
    assert storage.get_json("once.json") == {"number": stored[0]}


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 12345])
def test_streamed_upload(storage: Storage, tmp_path: Path, size: int) -> None:
    content = hashlib.shake_128(b"content").digest(size)
    upload = storage.open_upload("uploads/ds/file_000")
    for start in range(0, size, 3_000_000):
        upload.write(content[start : start + 3_000_000])
    assert storage.list_keys("uploads/") == []
    blob = upload.finish()
    assert (blob.sha256, blob.bytes) == (hashlib.sha256(content).hexdigest(), size)
    storage.download("uploads/ds/file_000", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    upload.abort()
    assert storage.list_keys("uploads/") == ["uploads/ds/file_000"]


def test_aborted_upload_leaves_nothing(storage: Storage) -> None:
    upload = storage.open_upload("uploads/ds/file_000")
    upload.write(b"x" * (PART_BYTES + 1))
    upload.abort()
    upload.abort()
    assert storage.list_keys("") == []
    assert "Uploads" not in storage._client.list_multipart_uploads(Bucket=storage._bucket)


def test_blob_is_stored_once_and_verified(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"y" * (PART_BYTES + 5))
    blob = blob_of(path)
    storage.upload_blob(path, blob)
    path.unlink()
    # The bytes are there, so the file is not even opened.
    storage.upload_blob(path, blob)
    storage.download(blob.sha256, tmp_path / "back")
    assert blob_of(tmp_path / "back") == blob


def test_damaged_blob_is_refused(storage: Storage, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"right").hexdigest()
    upload = storage.open_upload(blob_key(sha256))
    upload.write(b"wrong")
    upload.finish()
    with pytest.raises(ServiceError, match="is damaged") as caught:
        storage.download(sha256, tmp_path / "back")
    assert caught.value.code is ErrorCode.INTERNAL
    assert list(tmp_path.iterdir()) == []


def test_missing_object_is_not_found(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        storage.download("no/such/key", tmp_path / "back")
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert list(tmp_path.iterdir()) == []


def test_download_link_has_the_public_host_and_serves_ranges(settings: Settings, storage: Storage) -> None:
    storage.open_upload("file.zip").finish()
    upload = storage.open_upload("file.zip")
    upload.write(b"0123456789")
    upload.finish()
    assert settings.s3_endpoint_url is not None
    host = settings.s3_endpoint_url.replace("127.0.0.1", "localhost")
    with closing(Storage(settings.model_copy(update={"s3_public_endpoint_url": host}))) as public:
        link = public.presign("file.zip", "my set.zip", "application/zip")
    assert link.startswith(host + "/")
    request = urllib.request.Request(link, headers={"Range": "bytes=3-5"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 206
        assert answer.read() == b"345"
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="my set.zip"'
    for forged in (link.replace("file.zip", "other.zip"), link[:-1] + ("0" if link[-1] != "0" else "1")):
        assert status(forged) == 403


def test_a_picture_is_shown_and_not_saved(storage: Storage) -> None:
    storage.open_upload("a.png").finish()
    with urllib.request.urlopen(storage.presign("a.png", "set.png", "image/png")) as answer:
        assert answer.headers["Content-Disposition"] == 'inline; filename="set.png"'


def test_nobody_reads_or_writes_without_a_key(settings: Settings, storage: Storage) -> None:
    storage.put_json("secret.json", {})
    url = f"{settings.s3_endpoint_url}/{settings.s3_bucket}/secret.json"
    assert status(url) == 403
    assert status(url, method="PUT") == 403


def status(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    "change", [{"s3_endpoint_url": "http://127.0.0.1:9"}, {"s3_secret_key": SecretStr("wrong")}, {"s3_bucket": "none"}]
)
def test_outages_are_told_as_such(settings: Settings, change: dict[str, object]) -> None:
    with closing(Storage(settings.model_copy(update=change))) as storage, pytest.raises(ServiceError) as caught:
        storage.check()
    assert caught.value.code is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize("status", [501, 200], ids=["answers 501", "writes all the same"])
def test_a_storage_without_conditions_is_found_at_start_and_looked_at_before_each_write(
    settings: Settings, faulty: FaultyS3, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.refuses = lambda method, path, headers: (status, "NotImplemented") if headers["If-None-Match"] else None
    with closing(Storage(settings.model_copy(update={"s3_endpoint_url": faulty.url}))) as storage:
        storage.check()
        assert "If-None-Match" in caplog.text
        assert storage.list_keys("health/") == []
        assert storage.put_json("once.json", {"number": 1}, if_absent=True)
        assert not storage.put_json("once.json", {"number": 2}, if_absent=True)
        assert storage.get_json("once.json") == {"number": 1}
    assert faulty.refused == 1, "asked once, and never again"


def test_a_storage_with_conditions_is_not_asked_again(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    storage.check()
    assert storage.writes_once
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("RequestTimeTooSkewed", "clock"),
        ("AccessDenied", "access key"),
        ("SignatureDoesNotMatch", "LADD_S3_SECRET_KEY"),
    ],
)
def test_a_refusal_names_its_likely_cause(settings: Settings, faulty: FaultyS3, code: str, cause: str) -> None:
    faulty.refuses = lambda *_: (403, code)
    with (
        closing(Storage(settings.model_copy(update={"s3_endpoint_url": faulty.url}))) as storage,
        pytest.raises(ServiceError, match=f"{code}, .*{cause}") as caught,
    ):
        storage.check()
    assert caught.value.code is ErrorCode.UNAVAILABLE


def test_a_wrong_bucket_is_told_as_such(settings: Settings) -> None:
    with (
        closing(Storage(settings.model_copy(update={"s3_bucket": "nowhere"}))) as storage,
        pytest.raises(ServiceError, match=r"no such bucket \(LADD_S3_BUCKET"),
    ):
        storage.check()
