"""Blobs and their owners: a blob is removed with its last owner and never under a new one.

An owner is a dataset, a labeler, a job with figures, or a task with checkpoints.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from redis import Redis

from api_schemas.problems import ErrorCode
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.scripts import register
from service.core.objects.storage import Blob, Storage, blob_key, blob_of

REMOVAL_SECONDS = 600
"""Longest time between the decision to remove a blob and its removal, all retries of the storage included."""


class Blobs:
    """Blobs of the storage, counted by owner."""

    def __init__(self, redis: Redis, storage: Storage) -> None:
        self._redis = redis
        self._storage = storage
        self._hold = register(redis, __package__, "hold_blob")
        self._drop = register(redis, __package__, "drop_blob")
        self._claim_ownerless = register(redis, __package__, "remove_ownerless")

    def put(self, owner: str, path: Path) -> Blob:
        """Store a file for an owner, unless the same bytes are there already."""
        blob = blob_of(path)
        self.hold(owner, blob.sha256)
        self._storage.upload_blob(path, blob)
        return blob

    def hold(self, owner: str, sha256: str) -> None:
        """Note one more owner; waits while the blob is being removed."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        while self._hold(args=[owner, sha256]):
            if time.monotonic() > deadline:
                raise ServiceError(ErrorCode.UNAVAILABLE, f"Blob {sha256} is still being removed.")
            time.sleep(0.1)

    def drop(self, owner: str, sha256: str, marked_before: float | None = None) -> None:
        """Note one owner less; the last one takes the blob along.

        With `marked_before` only if it still bears a mark from before then, which holding it again takes off.
        """
        if self._drop(args=[owner, sha256, REMOVAL_SECONDS, "" if marked_before is None else marked_before]):
            self._remove(sha256)

    def _remove(self, sha256: str) -> None:
        self._storage.delete(blob_key(sha256))
        self._redis.delete(redis_keys.removing(sha256))

    def drop_all(self, owner: str) -> None:
        """Drop everything that an owner holds."""
        for sha256 in self.held_by(owner):
            self.drop(owner, sha256)

    def owners(self) -> Iterator[str]:
        """Yield whoever holds a blob."""
        for key in self._redis.scan_iter(redis_keys.owned_blobs("*"), count=1000):
            yield str(key).removeprefix(redis_keys.owned_blobs(""))

    def held_by(self, owner: str) -> set[str]:
        """Return the digests of what an owner holds."""
        return {str(sha256) for sha256 in self._redis.smembers(redis_keys.owned_blobs(owner))}

    def mark(self, owner: str, digests: Iterable[str], now: float, before: float) -> set[str]:
        """Mark what an owner holds without need; returns what bears such a mark from `before` (seconds since 1970)."""
        expired = set()
        for sha256 in digests:
            self._redis.zadd(redis_keys.NEEDLESS, {f"{owner} {sha256}": now}, nx=True)
            marked = self._redis.zscore(redis_keys.NEEDLESS, f"{owner} {sha256}")
            if marked is not None and marked <= before:
                expired.add(sha256)
        return expired

    def unmark(self, owner: str, digests: Iterable[str]) -> None:
        """Take the marks off what an owner needs."""
        if members := [f"{owner} {sha256}" for sha256 in digests]:
            self._redis.zrem(redis_keys.NEEDLESS, *members)

    def without_owner(self, digests: Sequence[str]) -> list[str]:
        """Return those of the digests that nobody holds."""
        pipeline = self._redis.pipeline(transaction=False)
        for sha256 in digests:
            pipeline.exists(redis_keys.blob_owners(sha256))
        return [sha256 for sha256, held in zip(digests, pipeline.execute(), strict=True) if not held]

    def remove_ownerless(self, sha256: str) -> None:
        """Remove a blob unless somebody holds it by now."""
        if self._claim_ownerless(args=[sha256, REMOVAL_SECONDS]):
            self._remove(sha256)
