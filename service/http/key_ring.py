"""The API keys as one front knows them: a copy of Redis's index, seconds old at most."""

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from service.core.clients import Core
from service.core.resources import api_keys
from service.core.resources.api_keys import ApiKey

REFRESH_SECONDS = 2.0
"""Age up to which the copy is used: a request costs no call of its own, and a revoked key works this much longer."""


class KeyRing:
    """Looks keys up by digest, which tells a guesser by its timing nothing about any key.

    A look into the copy takes 1 µs; asking Redis from a thread takes 460, as much as all the rest of a poll (two cores
    of an AMD EPYC, 20,000 looks and 2,000 calls; `python benchmarks/load.py --phases polls` tells what a poll takes).

    Once a key has been seen there is always one, also while Redis has lost its index, which is then restored.
    Methods raise what Redis and the storage raise when they do not answer.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._keys: dict[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()
        self._knows_the_truth = False
        self._seen_any = False

    async def is_empty(self) -> bool:
        """Tell whether no key was ever made."""
        await self._refresh(since=time.monotonic() - REFRESH_SECONDS)
        return not self._seen_any

    async def find(self, secret: str) -> ApiKey | None:
        """Return a key that is not revoked. One that has just been made is found at once."""
        return await self.of_digest(api_keys.digest_of(secret))

    async def of_digest(self, digest: str) -> ApiKey | None:
        """Return the key of a digest, if it is not revoked."""
        now = time.monotonic()
        await self._refresh(since=now - REFRESH_SECONDS)
        if digest not in self._keys:
            await self._refresh(since=now)
        key = self._keys.get(digest)
        return None if key is None or key.revoked_at is not None else key

    async def _refresh(self, since: float) -> None:
        """Read the keys unless that was begun after `since`. One call reads for all that wait: guessing stays cheap."""
        if self._read_at >= since:
            return
        async with self._lock:
            if self._read_at >= since:
                return
            now = time.monotonic()
            self._keys = await run_in_threadpool(self._read)
            self._seen_any |= bool(self._keys)
            self._read_at = now

    def _read(self) -> dict[str, ApiKey]:
        found = api_keys.indexed(self._core)
        if not found and (self._seen_any or not self._knows_the_truth):
            api_keys.restore(self._core)
            self._knows_the_truth = True
            found = api_keys.indexed(self._core)
        return found
