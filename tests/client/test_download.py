"""Downloads that break off and are resumed."""

from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import ClientError, ProblemError

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.objects.storage import blob_key
from service.core.resources.datasets import manifest_of


@pytest.fixture
def augmented(client: LaddClient, worker: Any) -> tuple[str, bytes]:
    """Id of a label-augmented set, and its archive."""
    job = worker.start_ladd(evaluation=None)
    worker.train_labeler(job.id)
    archive = worker.write_labels(job.id)
    result = client.job(job.id).result
    assert result is not None
    assert result.dataset is not None
    return result.dataset, archive


def part_of(destination: Path, dataset: str) -> Path:
    return destination.with_name(f"{destination.name}.{dataset}.zip.part")


def test_the_archive_arrives_whole_with_progress(
    client: LaddClient, augmented: tuple[str, bytes], tmp_path: Path
) -> None:
    dataset, archive = augmented
    seen: list[tuple[int, int]] = []
    path = client.download_archive(dataset, tmp_path / "set.zip", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == archive
    assert seen[-1] == (len(archive), len(archive))
    assert list(tmp_path.glob("*.part")) == []


def test_a_broken_download_asks_only_for_the_rest(
    client: LaddClient, augmented: tuple[str, bytes], s3_proxy: Any, tmp_path: Path
) -> None:
    dataset, archive = augmented
    s3_proxy.cuts = [1_000_000, 300, 1_500_000]
    assert client.download_archive(dataset, tmp_path / "set.zip").read_bytes() == archive
    ranges = [line for sent in s3_proxy.sent for line in sent.decode().splitlines() if line.lower().startswith("range")]
    starts = [int(line.split("=")[1].rstrip("-")) for line in ranges]
    assert len(s3_proxy.sent) == 4
    assert 900_000 < starts[0] < 1_000_000
    assert starts == sorted(starts)
    assert starts[-1] > 2_000_000


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(
    server: str, augmented: tuple[str, bytes], s3_proxy: Any, tmp_path: Path
) -> None:
    dataset, archive = augmented
    s3_proxy.cuts = [2_000_000, 0, 0]
    with LaddClient(server, attempts=2) as client:
        with pytest.raises(ClientError, match="no answer from"):
            client.download_archive(dataset, tmp_path / "set.zip")
        assert not (tmp_path / "set.zip").exists()
        assert part_of(tmp_path / "set.zip", dataset).stat().st_size > 1_900_000
        s3_proxy.cuts.clear()
        assert client.download_archive(dataset, tmp_path / "set.zip").read_bytes() == archive
    assert b"range: bytes=19" in s3_proxy.sent[-1].lower()


@pytest.mark.parametrize("extra", [0, 1])
def test_a_part_that_is_complete_is_taken_and_one_that_is_too_long_is_not(
    client: LaddClient, augmented: tuple[str, bytes], s3_proxy: Any, tmp_path: Path, extra: int
) -> None:
    dataset, archive = augmented
    part_of(tmp_path / "set.zip", dataset).write_bytes(archive + bytes(extra))
    assert client.download_archive(dataset, tmp_path / "set.zip").read_bytes() == archive
    assert len(s3_proxy.sent) == 1 if extra == 0 else 2


@pytest.fixture
def noted(core: Core, augmented: tuple[str, bytes]) -> bytes:
    """The archive, whose stored bytes are no longer those."""
    dataset, archive = augmented
    key = blob_key(manifest_of(core, dataset).blobs["archive.zip"].sha256)
    core.storage._client.put_object(Bucket=core.settings.s3_bucket, Key=key, Body=archive[:-1] + b"!")
    return archive


def test_what_arrives_damaged_is_not_kept(
    client: LaddClient, augmented: tuple[str, bytes], noted: bytes, s3_proxy: Any, tmp_path: Path
) -> None:
    with pytest.raises(ClientError, match=r"set\.zip arrived damaged and was removed: fetch it again"):
        client.download_archive(augmented[0], tmp_path / "set.zip")
    assert list(tmp_path.glob("set*")) == []
    assert len(s3_proxy.sent) == 1


def test_a_damaged_beginning_of_an_earlier_call_is_fetched_again(
    client: LaddClient, augmented: tuple[str, bytes], s3_proxy: Any, tmp_path: Path
) -> None:
    dataset, archive = augmented
    part_of(tmp_path / "set.zip", dataset).write_bytes(b"!" + archive[1:1000])
    assert client.download_archive(dataset, tmp_path / "set.zip").read_bytes() == archive
    assert sum(sent.count(b"GET ") for sent in s3_proxy.sent) >= 1


def test_a_set_without_an_archive_is_a_problem(client: LaddClient, worker: Any, tmp_path: Path) -> None:
    dataset = worker.upload()
    with pytest.raises(ProblemError) as raised:
        client.download_archive(dataset.id, tmp_path / "set.zip")
    assert raised.value.problem.code is ErrorCode.NO_ARCHIVE
    assert list(tmp_path.glob("set*")) == []
