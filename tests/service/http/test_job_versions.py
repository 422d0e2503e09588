"""Versions of jobs asked for in batches."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.queue.store import JobVersion, versions
from service.http import job_versions
from service.http.job_versions import JobVersions

Calls = list[Sequence[str]]


@asynccontextmanager
async def asking(core: Core) -> AsyncIterator[JobVersions]:
    asked = JobVersions(core)
    yield asked
    await asked.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The ids of every call to Redis; the first waits until others have been asked for."""
    made: Calls = []

    async def watched(redis: Redis, job_ids: Sequence[str]) -> list[JobVersion | None]:
        made.append(job_ids)
        if len(made) == 1:
            await asyncio.sleep(0.5)
        return await versions(redis, job_ids)

    monkeypatch.setattr(job_versions, "versions", watched)
    return made


@pytest.fixture
def job(api: httpx.Client, worker: Any) -> str:
    """The training of a labeler, queued."""
    params = {"source_dataset": worker.ready_set("source")}
    id: str = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()["id"]
    return id


def test_who_asks_while_redis_is_asked_shares_the_next_call(core: Core, calls: Calls, job: str) -> None:
    async def ask() -> list[str]:
        async with asking(core) as found:
            first = asyncio.create_task(found.etag(core, job))
            await asyncio.sleep(0.1)
            rest = [asyncio.create_task(found.etag(core, job)) for _ in range(50)]
            return await asyncio.gather(first, *rest)

    etags = asyncio.run(ask())
    assert len(set(etags)) == 1
    assert [len(call) for call in calls] == [1, 50]


def test_who_goes_away_takes_no_answer_from_others(core: Core, calls: Calls, job: str) -> None:
    async def ask() -> str:
        async with asking(core) as found:
            gone = asyncio.create_task(found.etag(core, job))
            await asyncio.sleep(0.1)
            stays = asyncio.create_task(found.etag(core, job))
            gone.cancel()
            return await stays

    assert asyncio.run(ask())


def test_each_sees_their_own(core: Core, job: str) -> None:
    async def ask() -> list[Any]:
        async with asking(core) as found:
            asked = [(core, job), (core.acting_for("somebody-else"), job), (core, new_id("job"))]
            return await asyncio.gather(*(found.etag(*each) for each in asked), return_exceptions=True)

    etag, anothers, nobodys = asyncio.run(ask())
    assert isinstance(etag, str)
    for refusal in (anothers, nobodys):
        assert isinstance(refusal, ServiceError)
        assert refusal.code is ErrorCode.NOT_FOUND


def test_an_outage_reaches_everybody_and_passes(core: Core, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError("away")

    async def ask() -> None:
        async with asking(core) as found:
            with monkeypatch.context() as patch:
                patch.setattr(job_versions, "versions", away)
                failed = await asyncio.gather(*(found.etag(core, job) for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in failed] == [RedisConnectionError] * 3
            assert await found.etag(core, job)

    asyncio.run(ask())
