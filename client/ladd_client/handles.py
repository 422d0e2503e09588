"""Jobs, sets and labelers as `LaddClient` returns them: the models of `api_schemas` with what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PrivateAttr

from api_schemas import datasets, evaluation, jobs, labelers
from api_schemas.datasets import ArchiveFormat
from api_schemas.events import JobEvent
from ladd_client import as_html
from ladd_client.errors import ClientError
from ladd_client.form import ProgressCallback

if TYPE_CHECKING:
    from ladd_client.api import LaddClient


class Bound(BaseModel):
    """A model that knows the client which has read it: `{"client": ...}` of the context it was validated in."""

    _client: Any = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Take the client of the context."""
        self._client = context.get("client") if isinstance(context, dict) else None

    def __getstate__(self) -> dict[Any, Any]:
        """Leave the client behind: a copy in another process has none."""
        return super().__getstate__() | {"__pydantic_private__": {"_client": None}}

    @property
    def client(self) -> LaddClient:
        """Raises `ClientError` where it was made without one."""
        if self._client is None:
            raise ClientError(f"this {type(self).__name__} was read by no client: ask one for it by its id")
        client: LaddClient = self._client
        return client


class Job(Bound, jobs.Job):
    """A job as it was when it was asked for; every method asks anew and leaves this one as it is."""

    def refresh(self) -> Job:
        """Return the job as it is now."""
        return self.client.job(self.id)

    def wait(
        self, on_event: Callable[[JobEvent], None] | None = None, *, progress: bool = False, check: bool = True
    ) -> Job:
        """Follow it to its end, as `LaddClient.wait`.

        Raises `JobError` where it did not succeed and `check` is true.
        """
        return self.client.wait(self, on_event, progress=progress, check=check)

    def events(self, after: str | None = None) -> Iterator[JobEvent]:
        """Its events from the first, or from the one after id `after`, until it has ended."""
        return self.client.events(self.id, after)

    def cancel(self) -> Job:
        """Ask it to stop."""
        return self.client.cancel(self.id)

    def retry(self) -> Job:
        """Start it again as a new one that keeps the finished tasks."""
        return self.client.retry(self.id)

    def report(self) -> Report:
        """Its report."""
        return self.client.report(self.id)

    def archive(self) -> Dataset:
        """The label-augmented set that it has made. Raises `ClientError` where it has made none."""
        return self.client.dataset(made_by(self))

    def download(
        self,
        destination: str | Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch the archive that it has made, as `LaddClient.download_archive`."""
        return self.client.download_archive(self, destination, on_progress, archive_format)

    def delete(self) -> None:
        """Delete it with its report; what it made stays."""
        self.client.delete_job(self.id)

    def _repr_html_(self) -> str:
        return as_html.job_html(self)


class Dataset(Bound, datasets.Dataset):
    """A set as it was when it was asked for."""

    def refresh(self) -> Dataset:
        """Return the set as it is now."""
        return self.client.dataset(self.id)

    def wait(self, *, progress: bool = False) -> Dataset:
        """See it through its validation and return it. Raises `JobError` where it is rejected."""
        self.client.wait(self, progress=progress)
        return self.refresh()

    def download(
        self,
        destination: str | Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch the archive of a label-augmented set, as `LaddClient.download_archive`."""
        return self.client.download_archive(self, destination, on_progress, archive_format)

    def preview(self) -> bytes:
        """Fetch the first images of its first classes as a PNG."""
        return self.client.preview(self.id)

    def delete(self) -> None:
        """Delete it; refused while a running job uses it."""
        self.client.delete_dataset(self.id)

    def _repr_html_(self) -> str:
        """Gallery of the set. A picture that cannot be had now is left out."""
        preview = None
        if self._client is not None and self.state is datasets.DatasetState.READY:
            try:
                preview = self.client.preview(self.id, attempts=1)
            except ClientError:
                preview = None
        return as_html.dataset_html(self, preview)


class Labeler(Bound, labelers.Labeler):
    """A labeler."""

    def delete(self) -> None:
        """Delete it; refused while an unfinished job uses it."""
        self.client.delete_labeler(self.id)

    def _repr_html_(self) -> str:
        return as_html.labeler_html(self)


class Report(evaluation.Report):
    """A report, shown by a notebook as its tables."""

    def _repr_html_(self) -> str:
        return as_html.report_html(self)


def made_by(job: jobs.Job) -> str:
    """Return the id of the label-augmented set that a job has made. Raises `ClientError` where there is none."""
    made = job.result.dataset if job.result is not None else None
    if made is None:
        raise ClientError(f"{job.id} has made no label-augmented set")
    return made
