"""Who refers to which blob, so that one is removed with its last owner and never under a new one.

An owner is a dataset, a labeler, a job with figures, or a task with checkpoints.
"""

import time
from pathlib import Path

from redis import Redis

from api_schemas.problems import ErrorCode
from service.core.errors import ServiceError
from service.core.scripts import register
from service.core.storage import Blob, Storage, blob_key, blob_of

REMOVAL_SECONDS = 600
"""Longest time between the decision to remove a blob and its removal, all retries of the storage included."""


class Blobs:
    """Blobs of the storage, counted by owner."""

    def __init__(self, redis: Redis, storage: Storage) -> None:
        self._redis = redis
        self._storage = storage
        self._hold = register(redis, "hold_blob")
        self._drop = register(redis, "drop_blob")

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

    def drop(self, owner: str, sha256: str) -> None:
        """Note one owner less; the last one takes the blob along."""
        if self._drop(args=[owner, sha256, REMOVAL_SECONDS]):
            self._storage.delete(blob_key(sha256))
            self._redis.delete(f"ladd:removing:{sha256}")

    def drop_all(self, owner: str) -> None:
        """Drop everything that an owner holds."""
        for sha256 in self._redis.smembers(f"ladd:blobs:{owner}"):
            self.drop(owner, str(sha256))
