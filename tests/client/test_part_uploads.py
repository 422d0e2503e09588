"""Large files in parts, and how a later call goes on with them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import ClientError

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.labelers import WeightsImport
from service.core.clients import Core

FAR = datetime.max.replace(tzinfo=UTC)
MIB = 1 << 20
METADATA = DatasetMetadata(name="large", role=DatasetRole.DISTILLED)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Three parts of 5 MiB and one of 1 MiB."""
    path = tmp_path / "large.pt"
    path.write_bytes(b"".join(bytes([number]) * MIB for number in range(16)))
    return path


@pytest.fixture
def opened(server: str, tmp_path: Path) -> Callable[[], LaddClient]:
    def connect() -> LaddClient:
        return LaddClient(
            server, attempts=3, in_parts_above=MIB, part_bytes=5 * MIB, resume_directory=tmp_path / "notes"
        )

    return connect


def stored(core: Core, job_id: str) -> str:
    """Digest of what the first raw file of a job is in the storage."""
    job = core.store.load(job_id)
    assert job is not None
    return core.storage.digest((job.tasks[0].inputs["uploads"].files or [""])[0])


def test_a_large_file_goes_past_the_service(core: Core, large: Path, opened: Any, s3_proxy: Any) -> None:
    small = large.with_name("labels.pt")
    small.write_bytes(b"labels")
    seen: list[tuple[int, int]] = []
    with opened() as client:
        dataset = client.upload_dataset(METADATA, [large, small], lambda done, total: seen.append((done, total)))
    assert seen[-1] == (16 * MIB + 6, 16 * MIB + 6)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [file.name for file in dataset.files] == ["large.pt", "labels.pt"]
    assert stored(core, dataset.job) == dataset.files[0].sha256
    assert len(s3_proxy.sent) > 0
    assert list((large.parent / "notes").iterdir()) == []


def test_a_broken_connection_sends_its_part_again(core: Core, large: Path, opened: Any, s3_proxy: Any) -> None:
    s3_proxy.cuts = [1]
    with opened() as client:
        dataset = client.upload_dataset(METADATA, [large])
    assert stored(core, dataset.job) == dataset.files[0].sha256


def test_another_client_goes_on(core: Core, large: Path, opened: Any) -> None:
    def die(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with opened() as client, pytest.raises(KeyboardInterrupt):
        client.upload_dataset(METADATA, [large], die)
    (note,) = (large.parent / "notes").iterdir()
    key, parts_id = next(iter(core.storage.parts.begun_before(FAR)))
    there = core.storage.parts.received(key, parts_id)
    assert there
    with opened() as client:
        dataset = client.upload_dataset(METADATA, [large])
    assert stored(core, dataset.job) == dataset.files[0].sha256
    assert not note.exists()
    job = core.store.load(dataset.job)
    assert job is not None
    assert job.tasks[0].inputs["uploads"].files == [key]


def test_a_forgotten_upload_begins_anew(core: Core, large: Path, opened: Any, settings: Any) -> None:
    def die(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with opened() as client, pytest.raises(KeyboardInterrupt):
        client.upload_dataset(METADATA, [large], die)
    core.redis.flushall()
    with opened() as client:
        assert client.upload_dataset(METADATA, [large]).files[0].bytes == 16 * MIB


def test_a_labeler_in_parts(core: Core, large: Path, opened: Any, worker: Any) -> None:
    _, source = worker.ready_pair()
    metadata = WeightsImport.model_validate(
        {"kind": "weights", "name": "w", "architecture": "ConvNetD3", "source_dataset": source}
    )
    with opened() as client:
        job = client.import_labeler(metadata, [large])
    assert job.params["name"] == "w"


def test_a_storage_that_is_away_is_said_so(large: Path, opened: Any, s3_proxy: Any) -> None:
    s3_proxy.close()
    with opened() as client, pytest.raises(ClientError, match="no answer from the storage"):
        client.upload_dataset(METADATA, [large])
