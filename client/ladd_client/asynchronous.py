"""`LaddClient` for an event loop: the same methods, to be awaited.

Each is made of the method of `LaddClient`, which a thread calls, so that both do the same; what takes as long as a job,
its events and their end, takes no thread.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypedDict, TypeVar, Unpack

import httpx
from rich.console import Console

from api_schemas.datasets import Dataset as AnyDataset
from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import Job as AnyJob
from ladd_client.api import LaddClient
from ladd_client.arguments import described, is_id, job_of, ladd_request, raise_unless_succeeded
from ladd_client.async_handles import AsyncDataset, AsyncJob, AsyncLabeler, AsyncListing, Handle
from ladd_client.form import Files
from ladd_client.sse import follow_async
from ladd_client.stages import StageBoard
from ladd_client.watch import ShownJob

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

CALLS_AT_ONCE = 32
"""More wait for their turn. Events, and so `wait`, are not among them."""


ITEMS_AT_ONCE = 100


class Options(TypedDict, total=False):
    """What `LaddClient` takes besides the address."""

    api_key: str | None
    profile: str | None
    timeout: float
    attempts: int
    in_parts_above: int
    part_bytes: int | None
    resume_directory: Path


def awaited(
    method: Callable[Concatenate[LaddClient, Given], Answer],
) -> Callable[Concatenate[AsyncLaddClient, Given], Coroutine[Any, Any, Answer]]:
    """Make a method of `AsyncLaddClient` that returns what the one of `LaddClient` returns."""

    @wraps(method)
    async def call(self: AsyncLaddClient, /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        return await self.in_thread(partial(method, self.blocking), *args, **kwargs)

    return call


def giving(
    handle: type[Handle], method: Callable[Concatenate[LaddClient, Given], Any]
) -> Callable[Concatenate[AsyncLaddClient, Given], Coroutine[Any, Any, Handle]]:
    """Make one that returns `handle` in place of the handle of `LaddClient`."""

    @wraps(method)
    async def call(self: AsyncLaddClient, /, *args: Given.args, **kwargs: Given.kwargs) -> Handle:
        return handle.of(await self.in_thread(partial(method, self.blocking), *args, **kwargs), self)

    return call


def listing(
    handle: type[Handle], method: Callable[Concatenate[LaddClient, Given], Any]
) -> Callable[Concatenate[AsyncLaddClient, Given], AsyncListing[Handle]]:
    """Make one that lists handles."""

    @wraps(method)
    def call(self: AsyncLaddClient, /, *args: Given.args, **kwargs: Given.kwargs) -> AsyncListing[Handle]:
        return AsyncListing(self, handle, method(self.blocking, *args, **kwargs))

    return call


def iterated(
    method: Callable[Concatenate[LaddClient, Given], Iterator[Answer]],
) -> Callable[Concatenate[AsyncLaddClient, Given], AsyncIterator[Answer]]:
    """Make one that iterates over what has no handle."""

    @wraps(method)
    async def call(self: AsyncLaddClient, /, *args: Given.args, **kwargs: Given.kwargs) -> AsyncIterator[Answer]:
        found = method(self.blocking, *args, **kwargs)
        while items := await self.in_thread(list, islice(found, ITEMS_AT_ONCE)):
            for item in items:
                yield item

    return call


class AsyncLaddClient:
    """The service at `base_url`, with the arguments and methods of `LaddClient`, whose help speaks for them.

    A transfer that is canceled stops with the next piece; callbacks on its progress come from another thread. A call
    that is canceled may have reached the service nevertheless.
    """

    def __init__(self, base_url: str | None = None, **options: Unpack[Options]) -> None:
        self.blocking = LaddClient(base_url, **options)
        self._transport = self.blocking._transport
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="ladd")
        self._http = self._transport.on_a_loop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self.blocking!r}"

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._http.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.blocking.close()

    readiness = awaited(LaddClient.readiness)
    upload_dataset = giving(AsyncDataset, LaddClient.upload_dataset)
    dataset = giving(AsyncDataset, LaddClient.dataset)
    datasets = listing(AsyncDataset, LaddClient.datasets)
    delete_dataset = awaited(LaddClient.delete_dataset)
    download_archive = awaited(LaddClient.download_archive)
    preview = awaited(LaddClient.preview)
    import_labeler = giving(AsyncJob, LaddClient.import_labeler)
    labeler = giving(AsyncLabeler, LaddClient.labeler)
    labelers = listing(AsyncLabeler, LaddClient.labelers)
    delete_labeler = awaited(LaddClient.delete_labeler)
    presets = awaited(LaddClient.presets)
    preset = awaited(LaddClient.preset)
    submit = giving(AsyncJob, LaddClient.submit)
    validate = awaited(LaddClient.validate)
    job = giving(AsyncJob, LaddClient.job)
    jobs = listing(AsyncJob, LaddClient.jobs)
    cancel = giving(AsyncJob, LaddClient.cancel)
    retry = giving(AsyncJob, LaddClient.retry)
    delete_job = awaited(LaddClient.delete_job)
    report = awaited(LaddClient.report)
    logs = iterated(LaddClient.logs)
    download_checkpoint = awaited(LaddClient.download_checkpoint)
    download_model = awaited(LaddClient.download_model)
    export_dataset = awaited(LaddClient.export_dataset)
    change_dataset = giving(AsyncDataset, LaddClient.change_dataset)
    compare = awaited(LaddClient.compare)
    pin = awaited(LaddClient.pin)
    create_webhook = awaited(LaddClient.create_webhook)
    webhooks = awaited(LaddClient.webhooks)
    webhook = awaited(LaddClient.webhook)
    change_webhook = awaited(LaddClient.change_webhook)
    delete_webhook = awaited(LaddClient.delete_webhook)
    rotate_webhook_secret = awaited(LaddClient.rotate_webhook_secret)
    test_webhook = awaited(LaddClient.test_webhook)
    webhook_deliveries = iterated(LaddClient.webhook_deliveries)
    webhook_delivery = awaited(LaddClient.webhook_delivery)
    redeliver = awaited(LaddClient.redeliver)

    def events(
        self,
        job_id: str,
        after: str | None = None,
        on_silence: Callable[[], None] | None = None,
        types: Iterable[EventType] = (),
    ) -> AsyncIterator[JobEvent]:
        """The job's events from the first, or from the one after id `after`, until it has ended; of `types` alone."""
        url = f"/v1/jobs/{job_id}/events?{httpx.QueryParams({'type': list(types)})}"
        return follow_async(self._http, self._transport.attempts, url, after, on_silence)

    async def wait(
        self,
        job: str | AnyJob | AnyDataset,
        on_event: Callable[[JobEvent], None] | None = None,
        *,
        progress: bool = False,
        check: bool = True,
    ) -> AsyncJob:
        """Follow a job, or the one that makes a set, to its end and return it, as `LaddClient.wait`."""
        job_id = job_of(job)
        with StageBoard(Console(stderr=True)) if progress else nullcontext() as board:
            shown = None
            if board is not None:
                shown = ShownJob(self.blocking, await self.in_thread(self.blocking.job, job_id), board)
            async for event in self.events(job_id):
                if shown is not None:
                    await self.in_thread(shown.show, event)
                if on_event is not None:
                    on_event(event)
        ended = await self.job(job_id)
        if check:
            raise_unless_succeeded(ended)
        return ended

    async def ladd(
        self,
        dataset: str | Path | Sequence[str | Path],
        source: str | Path | Sequence[str | Path] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        source_metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        progress: bool = False,
        **params: Any,
    ) -> AsyncJob:
        """The whole method in one call, as `LaddClient.ladd`."""
        if source is not None:
            source = await self._ready("source", source, source_metadata, progress)
            metadata = {"source_dataset": source} | dict(metadata or {})
        dataset = await self._ready("distilled", dataset, metadata, progress)
        return await self.wait(await self.submit(ladd_request(dataset, source, params, tags)), progress=progress)

    async def _ready(self, role: str, files: Files, metadata: Mapping[str, Any] | None, progress: bool) -> str:
        if is_id(files):
            return files
        dataset = await self.upload_dataset(described(files, role, metadata), files)
        await self.wait(dataset, progress=progress)
        return dataset.id

    async def in_thread(self, call: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        """Call something that blocks, and stop its transfer when this is canceled."""
        abandoned = threading.Event()
        prepared = _stopped_by(abandoned, call, args, kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, prepared)
        except asyncio.CancelledError:
            abandoned.set()
            raise


class _Abandoned(Exception):  # noqa: N818 - nobody is there to see it
    """Ends a transfer that nobody waits for any more."""


def _stopped_by(
    abandoned: threading.Event, call: Callable[..., Answer], args: Any, kwargs: Any
) -> Callable[[], Answer]:
    """Return the call; where it tells its progress, it ends with the next piece once it is abandoned."""
    signature = inspect.signature(call)
    if "on_progress" not in signature.parameters:
        return partial(call, *args, **kwargs)
    given = signature.bind(*args, **kwargs)
    told = given.arguments.get("on_progress")

    def advance(done: int, total: int) -> None:
        if abandoned.is_set():
            raise _Abandoned
        if told is not None:
            told(done, total)

    given.arguments["on_progress"] = advance
    return partial(call, *given.args, **given.kwargs)
