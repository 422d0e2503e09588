"""What a caller does with distilled sets and source sets."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetPage, DatasetRole, DatasetState
from service.core.core import Core
from service.core.storage import Blob


@dataclass(frozen=True)
class StreamedFile:
    """One uploaded file: its original name, where it was streamed to, its digest and size."""

    name: str
    key: str
    blob: Blob


def upload_key(dataset_id: str, index: int) -> str:
    """Return the key to stream the index-th file of a new dataset to (`core.storage.open_upload`)."""
    raise NotImplementedError


def create(core: Core, metadata: DatasetMetadata, uploads: Sequence[StreamedFile], dataset_id: str) -> Dataset:
    """Record a dataset in state `validating` and start its ingestion job.

    The caller has made the id with `new_id("ds")` and streamed the files to `upload_key`. On an error the
    streamed files are removed. Raises ServiceError INVALID_REQUEST naming `body.metadata.<field>` or `body.files`.
    """
    raise NotImplementedError


def discard(core: Core, dataset_id: str) -> None:
    """Remove what was streamed for a dataset that was never created."""


def view(core: Core, dataset_id: str) -> Dataset:
    """Return a dataset. Raises ServiceError NOT_FOUND."""
    raise NotImplementedError


def page(
    core: Core, role: DatasetRole | None, state: DatasetState | None, cursor: str | None, limit: int
) -> DatasetPage:
    """Return the newest datasets after `cursor`. Raises ServiceError INVALID_REQUEST naming `query.cursor`."""
    raise NotImplementedError


def delete(core: Core, dataset_id: str) -> None:
    """Remove a dataset and the blobs nothing else refers to.

    Raises ServiceError NOT_FOUND, or DATASET_IN_USE while an unfinished job reads or makes it.
    """


def archive_url(core: Core, dataset_id: str) -> str:
    """Return a download link for the archive. Raises ServiceError NOT_FOUND, or NO_ARCHIVE for a set without one."""
    raise NotImplementedError
