"""The workers that there are, by their last signs of life; `scripts/workers.lua` reads the same."""

import json
from collections.abc import Collection, Mapping
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
    device: str = "cpu"
    """Kind of device that it computes on: `cpu` or `cuda`."""


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


def alive(redis: Redis) -> dict[str, Sign]:
    """Return the last sign of every worker that counts, by its name, those with a trouble included."""
    now, _ = redis.time()
    return {name: sign for name, sign in known(redis).items() if sign.expires > now}


def untaken(signs: Mapping[str, Sign], queues: Collection[str]) -> str | None:
    """Return why tasks of some of these queues cannot run; None when a fit worker takes from each of them."""
    reasons = []
    for queue in sorted(queues):
        takers = {name: sign for name, sign in signs.items() if queue in sign.queues}
        if not takers:
            reasons.append(f"no worker takes queue {queue}: start one (LADD_WORKER_QUEUES)")
        elif all(sign.trouble for sign in takers.values()):
            troubles = "; ".join(f"{name}: {sign.trouble}" for name, sign in takers.items())
            reasons.append(f"no worker takes queue {queue} at the moment ({troubles})")
    return "; ".join(reasons) or None


def _read(text: str) -> Sign:
    said = json.loads(text)
    # A newer worker may say more.
    return Sign(**{field.name: said[field.name] for field in fields(Sign) if field.name in said})
