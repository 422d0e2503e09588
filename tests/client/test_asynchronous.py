"""The client for an event loop: the same methods, no thread for what waits, nothing left behind when it is canceled."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from ladd_client import AsyncLaddClient, LaddClient
from ladd_client.async_handles import AsyncDataset, AsyncJob, AsyncLabeler
from ladd_client.asynchronous import Options
from ladd_client.errors import ClientError, JobError, ProblemError

from api_schemas.events import EventType
from api_schemas.jobs import JobKind, JobState
from api_schemas.problems import ErrorCode

OF_ITS_OWN = {"base_url", "in_thread"}
"""What only one of the two needs."""


def public(client: type) -> dict[str, Any]:
    members = inspect.getmembers_static(client)
    return {name: value for name, value in members if not name.startswith("_") and name not in OF_ITS_OWN}


def test_it_has_the_methods_of_the_other_with_the_same_parameters() -> None:
    blocking, asynchronous = public(LaddClient), public(AsyncLaddClient)
    assert set(asynchronous) == set(blocking)
    for name, method in asynchronous.items():
        assert list(inspect.signature(method).parameters) == list(inspect.signature(blocking[name]).parameters), name
        assert method.__doc__


def test_it_takes_what_the_other_takes() -> None:
    _, _, *options = inspect.signature(LaddClient.__init__).parameters
    assert sorted(Options.__annotations__) == sorted(options)


def run(server: str, use: Callable[[AsyncLaddClient], Coroutine[Any, Any, Any]]) -> Any:
    async def opened() -> Any:
        async with AsyncLaddClient(server, attempts=3) as client:
            return await use(client)

    return asyncio.run(opened())


def no_threads_are_left() -> bool:
    for thread in threading.enumerate():
        if thread.name.startswith("ladd"):
            thread.join(30)
    return not any(thread.name.startswith("ladd") for thread in threading.enumerate())


def test_jobs_and_sets_are_listed_and_can_be_used(server: str, worker: Any, tmp_path: Path) -> None:
    job = worker.start_ladd()
    archive = worker.run_ladd(job)

    async def use(client: AsyncLaddClient) -> None:
        [found] = [each async for each in client.jobs(kind=JobKind.LADD)]
        assert isinstance(found, AsyncJob)
        assert repr(found) == f"AsyncJob(id='{job.id}', kind='ladd', state='succeeded', error=None)"
        made = await found.archive()
        assert isinstance(made, AsyncDataset)
        assert made.augmentation is not None
        page = await client.datasets().page()
        assert page.items[0].id == made.id
        assert (await found.download(tmp_path / "a.zip")).read_bytes() == archive
        assert (await made.download(tmp_path / "b.zip")).read_bytes() == archive
        [labeler] = [each async for each in client.labelers()]
        assert isinstance(labeler, AsyncLabeler)
        assert (await found.report()).hardware == "a pencil"
        assert (await found.wait()).id == job.id
        again = await (await client.submit({"kind": "ladd", "params": {"dataset": job.params["dataset"]}})).cancel()
        assert (await again.refresh()).state is JobState.CANCELED
        with pytest.raises(JobError, match="canceled"):
            await again.wait()
        await again.delete()
        with pytest.raises(ProblemError) as gone:
            await again.refresh()
        assert gone.value.problem.code is ErrorCode.NOT_FOUND
        with pytest.raises(ProblemError):
            await anext(client.events(again.id))

    run(server, use)


def test_many_wait_without_a_thread_of_their_own(server: str, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ladd_client.asynchronous.CALLS_AT_ONCE", 1)
    job = worker.start_ladd()

    async def use(client: AsyncLaddClient) -> list[AsyncJob]:
        waiting = [asyncio.create_task(client.wait(job.id)) for _ in range(5)]
        await anext(client.events(job.id))
        assert (await client.job(job.id)).state is JobState.QUEUED
        worker_thread = threading.Thread(target=worker.run_ladd, args=(job,))
        worker_thread.start()
        ended = await asyncio.gather(*waiting)
        worker_thread.join()
        return list(ended)

    assert [ended.state for ended in run(server, use)] == [JobState.SUCCEEDED] * 5


def test_events_come_once_and_in_order_over_broken_connections(server: str, worker: Any, api_proxy: Any) -> None:
    job = worker.start_ladd()
    worker.run_ladd(job)
    # Of progress every reader has the last value once more.
    kept = [kind for kind in EventType if kind is not EventType.PROGRESS]
    whole = [event.id for event in worker.client.events(job.id, types=kept)]
    api_proxy.cuts = [1500, 0, 2500]

    async def use(client: AsyncLaddClient) -> list[str]:
        return [event.id async for event in client.events(job.id, types=kept)]

    assert run(api_proxy.url, use) == whole
    assert len(api_proxy.sent) == 4


def test_a_service_that_is_gone_is_told_after_all_tries(server: str) -> None:
    async def use(client: AsyncLaddClient) -> None:
        await client.wait("job_" + "0" * 26)

    with pytest.raises(ClientError, match=r"no answer from http://127\.0\.0\.1:9"):
        run("http://127.0.0.1:9", use)


def test_waiting_can_be_stopped_at_once_and_the_client_closed(server: str, worker: Any) -> None:
    job = worker.start_ladd()

    async def use(client: AsyncLaddClient) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.wait(job.id), 0.5)

    run(server, use)
    assert no_threads_are_left()


def test_a_transfer_that_nobody_waits_for_stops(server: str, worker: Any, tmp_path: Path) -> None:
    job = worker.start_ladd(evaluation=None)
    worker.train_labeler(job.id)
    worker.write_labels(job.id)
    begun, stopped = threading.Event(), threading.Event()
    pieces: list[int] = []

    def advance(done: int, total: int) -> None:
        pieces.append(done)
        begun.set()
        stopped.wait(30)

    async def use(client: AsyncLaddClient) -> None:
        found = await client.job(job.id)
        transfer = asyncio.create_task(found.download(tmp_path / "a", advance))
        await asyncio.to_thread(begun.wait, 30)
        transfer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await transfer
        stopped.set()

    run(server, use)
    assert no_threads_are_left()
    assert len(pieces) == 1
    assert not (tmp_path / "a").exists()


def test_one_call_does_it_all(server: str, worker: Any) -> None:
    distilled, source = worker.ready_pair()
    evaluation = {"architectures": ["ConvNetD3"], "trials": 1}

    async def use(client: AsyncLaddClient) -> AsyncJob:
        calling = asyncio.create_task(client.ladd(distilled, source, evaluation=evaluation, tags={"by": "hand"}))
        started: list[AsyncJob] = []
        while not started:
            started = [job async for job in client.jobs(JobKind.LADD)]
        await asyncio.to_thread(worker.run_ladd, started[0])
        return await calling

    job = run(server, use)
    assert (job.state, job.tags, job.params["source_dataset"]) == (JobState.SUCCEEDED, {"by": "hand"}, source)
