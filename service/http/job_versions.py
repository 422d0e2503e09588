"""Versions of jobs for the many who ask again and again: one call to Redis answers all who asked while the last ran.

Without a thread: beside uploads, which keep threads busy, each change from one to another may cost 5 ms. By
`python benchmarks/load.py --seconds 45` (1,000 polls a second, two cores of an AMD EPYC) p50 of a poll during uploads
was 13 ms in place of 25 to 36 with threads, two runs each in turns.
"""

import asyncio

from service.core.clients import Core, open_async_redis
from service.core.foundation.errors import not_found
from service.core.queue.store import JobVersion, versions

MOST_NOTED = 10_000
"""Jobs of which it is noted when to poll them again: those that somebody polls, in 3 MB."""


class JobVersions:
    """Asks in batches: a round trip for each caller would cost more than all the rest of a poll."""

    def __init__(self, core: Core) -> None:
        self._noted: dict[str, tuple[str, int]] = {}
        self._redis = open_async_redis(core.settings)
        self._asked: list[tuple[str, asyncio.Future[JobVersion | None]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def etag(self, core: Core, job_id: str) -> str:
        """Return an entity tag of what `jobs.view` returns, which changes with the job.

        It is as of a moment after the call. `core` is the caller's, whose tenant has to be the job's. Raises
        ServiceError NOT_FOUND, and what Redis raises when it does not answer.
        """
        answer: asyncio.Future[JobVersion | None] = asyncio.get_running_loop().create_future()
        self._asked.append((job_id, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        version = await answer
        if version is None or not core.store.shows(version.owner):
            raise not_found("job", job_id)
        return f'"{version.text}"'

    def note(self, job_id: str, etag: str, seconds: int) -> None:
        """Keep in how many seconds to poll a job again, while it has this tag and not too many others are polled."""
        self._noted.pop(job_id, None)
        self._noted[job_id] = etag, seconds
        if len(self._noted) > MOST_NOTED:
            del self._noted[next(iter(self._noted))]

    def noted(self, job_id: str, etag: str) -> int | None:
        """Return the seconds that were noted with this tag."""
        known, seconds = self._noted.get(job_id, ("", 0))
        return seconds if known == etag else None

    async def _ask(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            # A reader who has gone in the meantime has canceled their answer.
            try:
                found = await versions(self._redis, [job_id for job_id, _ in asked])
            except Exception as error:
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), version in zip(asked, found, strict=True):
                    if not answer.done():
                        answer.set_result(version)
        self._asking = None
