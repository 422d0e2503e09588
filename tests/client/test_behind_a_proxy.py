"""The client behind a proxy that offers the service below a path, and takes less in one request than the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import AnswerError

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import JobState
from service.core.clients import Core
from tests.reverse_proxy import reverse_proxy

MIB = 1 << 20
METADATA = DatasetMetadata(name="a set", role=DatasetRole.DISTILLED)
FORWARDED = {"X-Forwarded-Host": "localhost:1", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/ladd"}


@pytest.fixture(params=[{"X-Forwarded-Prefix": "/ladd"}, FORWARDED], ids=["prefix", "host"])
def proxied(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LaddClient]:
    with (
        reverse_proxy(server, "/ladd", request.param, most_bytes=MIB) as address,
        LaddClient(f"{address}/ladd", attempts=2, resume_directory=tmp_path / "notes") as client,
    ):
        yield client


def test_a_form_that_the_proxy_finds_too_large_goes_in_parts(proxied: LaddClient, core: Core, tmp_path: Path) -> None:
    large, small = tmp_path / "large.pt", tmp_path / "small.pt"
    large.write_bytes(bytes(2 * MIB))
    small.write_bytes(b"12345")
    dataset = proxied.upload_dataset(METADATA, [large, small])
    assert [file.bytes for file in dataset.files] == [2 * MIB, 5]
    record = core.store.load(dataset.job)
    assert record is not None
    assert len(record.tasks[0].inputs["uploads"].files or []) == 2
    assert all(len(proxied.upload_dataset(METADATA, [path]).files) == 1 for path in (small, large))


def test_a_file_without_bytes_has_no_parts_and_the_refusal_is_told(proxied: LaddClient, tmp_path: Path) -> None:
    large, empty = tmp_path / "large.pt", tmp_path / "empty.pt"
    large.write_bytes(bytes(2 * MIB))
    empty.touch()
    with pytest.raises(AnswerError, match=r"413 Request Entity Too Large by nginx/1\.27\.0, not by the service$"):
        proxied.upload_dataset(METADATA, [large, empty])


def test_sets_jobs_and_events_are_found_below_the_path(proxied: LaddClient, tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    path.write_bytes(b"12345")
    made = [proxied.upload_dataset(METADATA, [path]) for _ in range(21)]
    assert [dataset.id for dataset in proxied.datasets()] == [dataset.id for dataset in reversed(made)]
    assert proxied.cancel(made[0].job).state is JobState.CANCELED
    assert proxied.wait(made[0], check=False).state is JobState.CANCELED
