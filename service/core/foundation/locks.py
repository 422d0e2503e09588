"""Work that one process at a time does for all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import LockNotOwnedError


@contextmanager
def held_alone(redis: Redis, name: str, seconds: float) -> Iterator[bool]:
    """Hold a lock while the context is open; it yields whether the lock was free.

    After so many seconds, or when Redis is wiped, it may be another's: work done under it must bear repetition.
    """
    lock = redis.lock(name, timeout=seconds)
    free = bool(lock.acquire(blocking=False))
    try:
        yield free
    finally:
        if free:
            with suppress(LockNotOwnedError):
                lock.release()
