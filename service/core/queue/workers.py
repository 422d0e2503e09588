"""The workers that there are, by their last signs of life; `scripts/workers.lua` reads the same."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from redis import Redis

from service.core.foundation import redis_keys

SILENT_SECONDS = 60
"""A sign of life counts for so long."""

FORGOTTEN_SECONDS = 3600
"""A worker that went without a word is listed for so much longer, so that its absence is noticed."""


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a worker."""

    queues: Mapping[str, int]
    """How many more tasks of each of its queues it could start now."""
    trouble: str = ""
    """Why it takes no tasks; empty: it does."""
    waiting_seconds: float = 0.0
    """How long messages have waited although it could start their tasks."""
    expires: int = 0
    """Seconds since 1970 by Redis's clock; from then on nobody counts on the worker."""


def beat(redis: Redis, worker: str, sign: Sign) -> None:
    """Write a worker's sign of life, which counts from now, and forget workers that have long been silent."""
    now, _ = redis.time()
    written = asdict(sign) | {"queues": dict(sign.queues), "expires": now + SILENT_SECONDS}
    redis.hset(redis_keys.WORKERS, worker, json.dumps(written))
    for name, other in known(redis).items():
        if other.expires + FORGOTTEN_SECONDS < now:
            leave(redis, name)


def leave(redis: Redis, worker: str) -> None:
    """Forget a worker that has stopped."""
    redis.hdel(redis_keys.WORKERS, worker)


def known(redis: Redis) -> dict[str, Sign]:
    """Return the last sign of every worker by its name, expired ones included."""
    return {str(name): _read(str(text)) for name, text in sorted(redis.hgetall(redis_keys.WORKERS).items())}


def _read(text: str) -> Sign:
    said = json.loads(text)
    # A newer worker may say more.
    return Sign(**{field.name: said[field.name] for field in fields(Sign) if field.name in said})
