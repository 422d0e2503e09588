"""Whether what the front depends on answers."""

from collections.abc import Callable

from api_schemas.health import Readiness
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError

REAPER_SILENT_SECONDS = 120
"""A look may take long where much is to be cleaned up."""


def check(core: Core) -> Readiness:
    """Ask Redis, the object storage (a write and a delete) and the reaper's last sign; never raises for an outage.

    `status` is `ok`, or `unavailable` when a check of `checks` is not `ok`.
    """
    checks = {
        "redis": _answer(core.redis.ping),
        "s3": _answer(core.storage.check),
        "reaper": _answer(lambda: _check_reaper(core)),
    }
    healthy = all(answer == "ok" for answer in checks.values())
    return Readiness(status="ok" if healthy else "unavailable", checks=checks)


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (ServiceError, *OUTAGES) as error:
        return str(error)
    return "ok"


def _check_reaper(core: Core) -> None:
    age = core.store.now() / 1000 - float(core.redis.get(redis_keys.REAPER) or 0)
    if age >= REAPER_SILENT_SECONDS + 3 * core.settings.reaper_seconds:
        raise ServiceError(ErrorCode.UNAVAILABLE, "no process looks for lost leases")
