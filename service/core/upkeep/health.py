"""Whether the things behind the front answer, and whether all that depends on them is well."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from redis.exceptions import NoPermissionError, OutOfMemoryError

from api_schemas.health import Readiness, WorkerHealth
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.settings import QUEUES
from service.core.queue import workers
from service.core.queue.workers import Sign

REAPER_SILENT_SECONDS = 120
"""A look may take long where much is to be cleaned up."""

NEEDED = ("redis", "s3")
"""The checks without which a front cannot serve. What else is wrong is so for every front."""


def check(core: Core) -> Readiness:
    """Ask Redis, the object storage (a write and a delete), the reaper and the workers; never raises for an outage.

    `status` is `unavailable` where this front cannot reach Redis or the storage, `degraded` where another of `checks`
    is not `ok`, else `ok`. What is known from Redis alone is not checked while that is away.
    """
    checks = {"redis": _answer(core.redis.ping), "s3": _answer(core.storage.check)}
    signs: list[WorkerHealth] = []
    if checks["redis"] == "ok":
        checks |= {name: _answer(partial(look, core)) for name, look in FURTHER.items()}
        with suppress(*OUTAGES):
            signs = [_shown(sign) for sign in workers.alive(core.redis).values()]
    troubled = {name for name, answer in checks.items() if answer != "ok"}
    status = "unavailable" if troubled.intersection(NEEDED) else "degraded" if troubled else "ok"
    return Readiness(status=status, checks=checks, version=_release(), workers=signs)


def _shown(sign: Sign) -> WorkerHealth:
    return WorkerHealth(device=sign.device, queues=sorted(sign.queues), trouble=sign.trouble or None)


def _release() -> str | None:
    with suppress(PackageNotFoundError):
        return version("ladd-service")
    return None


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (ServiceError, *OUTAGES) as error:
        return str(error)
    return "ok"


def _check_memory(core: Core) -> None:
    with suppress(NoPermissionError):  # of a hosted Redis that tells nothing about itself
        policy = core.redis.info("memory").get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise _wrong(f"maxmemory-policy is {policy}: a full Redis would drop jobs; set it to noeviction")
    try:
        core.redis.set(redis_keys.WRITTEN, 1, ex=60)
    except OutOfMemoryError as error:
        raise _wrong("Redis is full: nothing new is taken before it has more memory (maxmemory)") from error


def _check_reaper(core: Core) -> None:
    age = core.store.now() / 1000 - float(core.redis.get(redis_keys.REAPER) or 0)
    if age >= REAPER_SILENT_SECONDS + 3 * core.settings.reaper_seconds:
        raise _wrong("no process looks for lost leases")


def _check_workers(core: Core) -> None:
    troubles = [f"{name}: {sign.trouble}" for name, sign in workers.alive(core.redis).items() if sign.trouble]
    if troubles:
        raise _wrong("; ".join(troubles))


def _check_queues(core: Core) -> None:
    served = {queue for sign in workers.alive(core.redis).values() for queue in sign.queues}
    left = [queue for queue in QUEUES if queue not in served and core.dispatcher.holds_tasks(queue)]
    if left:
        raise _wrong("; ".join(f"tasks wait in queue {queue}, and no worker takes any from it" for queue in left))


FURTHER = {
    "redis_memory": _check_memory,
    "reaper": _check_reaper,
    "workers": _check_workers,
    "queues": _check_queues,
}


def _wrong(message: str) -> ServiceError:
    return ServiceError(ErrorCode.UNAVAILABLE, message)
