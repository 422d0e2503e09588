"""Jobs, sets and labelers as `AsyncLaddClient` returns them, and its listings: those of `handles`, to be awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import BaseModel, PrivateAttr

from api_schemas import datasets, jobs, labelers
from api_schemas.datasets import ArchiveFormat
from api_schemas.events import JobEvent
from ladd_client import as_html
from ladd_client.form import ProgressCallback
from ladd_client.handles import Report, made_by
from ladd_client.pages import Listing, PageOf

if TYPE_CHECKING:
    from ladd_client.asynchronous import AsyncLaddClient


class AsyncBound(BaseModel):
    """A model that knows the client which has read it."""

    _client: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, model: BaseModel, client: AsyncLaddClient) -> Self:
        """Make one of a model of the same fields."""
        made = cls.model_validate(dict(model))
        made._client = client
        return made

    @property
    def client(self) -> AsyncLaddClient:
        """The client that has read it."""
        client: AsyncLaddClient = self._client
        return client


class AsyncJob(AsyncBound, jobs.Job):
    """`handles.Job`, to be awaited."""

    async def refresh(self) -> AsyncJob:
        """Return the job as it is now."""
        return await self.client.job(self.id)

    async def wait(
        self, on_event: Callable[[JobEvent], None] | None = None, *, progress: bool = False, check: bool = True
    ) -> AsyncJob:
        """Follow it to its end. Raises `JobError` where it did not succeed and `check` is true."""
        return await self.client.wait(self, on_event, progress=progress, check=check)

    def events(self, after: str | None = None) -> AsyncIterator[JobEvent]:
        """Its events from the first, or from the one after id `after`, until it has ended."""
        return self.client.events(self.id, after)

    async def cancel(self) -> AsyncJob:
        """Ask it to stop."""
        return await self.client.cancel(self.id)

    async def retry(self) -> AsyncJob:
        """Start it again as a new one that keeps the finished tasks."""
        return await self.client.retry(self.id)

    async def report(self) -> Report:
        """Its report."""
        return await self.client.report(self.id)

    async def archive(self) -> AsyncDataset:
        """The label-augmented set that it has made. Raises `ClientError` where it has made none."""
        return await self.client.dataset(made_by(self))

    async def download(
        self,
        destination: str | Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch the archive that it has made."""
        return await self.client.download_archive(self, destination, on_progress, archive_format)

    async def delete(self) -> None:
        """Delete it with its report; what it made stays."""
        await self.client.delete_job(self.id)

    def _repr_html_(self) -> str:
        return as_html.job_html(self)


class AsyncDataset(AsyncBound, datasets.Dataset):
    """`handles.Dataset`, to be awaited. A notebook shows it without its pictures, which would have to be awaited."""

    async def refresh(self) -> AsyncDataset:
        """Return the set as it is now."""
        return await self.client.dataset(self.id)

    async def wait(self, *, progress: bool = False) -> AsyncDataset:
        """See it through its validation and return it. Raises `JobError` where it is rejected."""
        await self.client.wait(self, progress=progress)
        return await self.refresh()

    async def download(
        self,
        destination: str | Path,
        on_progress: ProgressCallback | None = None,
        archive_format: ArchiveFormat = ArchiveFormat.ZIP,
    ) -> Path:
        """Fetch the archive of a label-augmented set."""
        return await self.client.download_archive(self, destination, on_progress, archive_format)

    async def preview(self) -> bytes:
        """Fetch the first images of its first classes as a PNG."""
        return await self.client.preview(self.id)

    async def delete(self) -> None:
        """Delete it; refused while a running job uses it."""
        await self.client.delete_dataset(self.id)

    def _repr_html_(self) -> str:
        return as_html.dataset_html(self, None)


class AsyncLabeler(AsyncBound, labelers.Labeler):
    """`handles.Labeler`, to be awaited."""

    async def delete(self) -> None:
        """Delete it; refused while an unfinished job uses it."""
        await self.client.delete_labeler(self.id)

    def _repr_html_(self) -> str:
        return as_html.labeler_html(self)


Handle = TypeVar("Handle", bound=AsyncBound)


class AsyncListing(AsyncIterator[Handle], Generic[Handle]):
    """Every item of a listing, newest first. Nothing is fetched before the first is asked for."""

    def __init__(self, client: AsyncLaddClient, handle: type[Handle], listing: Listing[Any]) -> None:
        self._client = client
        self._handle = handle
        self._listing = listing
        self._items = self._all()

    async def __anext__(self) -> Handle:
        return await anext(self._items)

    async def page(self, cursor: str | None = None) -> PageOf[Handle]:
        """Fetch the first page, or the one at a cursor: `next_cursor` of the page before."""
        page = await self._client.in_thread(self._listing.page, cursor)
        items = [self._handle.of(item, self._client) for item in page.items]
        return PageOf[Handle].model_construct(**dict(page) | {"items": items})

    async def pages(self) -> AsyncIterator[PageOf[Handle]]:
        """Fetch page after page."""
        cursor: str | None = None
        while True:
            page = await self.page(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _all(self) -> AsyncIterator[Handle]:
        async for page in self.pages():
            for item in page.items:
                yield item
