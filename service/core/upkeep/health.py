"""Whether what the front depends on answers."""

from collections.abc import Callable

from api_schemas.health import Readiness
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
        "redis": _answer(lambda: _ping(core)),
        "s3": _answer(lambda: _write(core)),
        "reaper": _answer(lambda: _reaper_sign(core)),
    }
    healthy = all(answer == "ok" for answer in checks.values())
    return Readiness(status="ok" if healthy else "unavailable", checks=checks)


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (ServiceError, *OUTAGES) as error:
        return str(error)


def _ping(core: Core) -> str:
    core.redis.ping()
    return "ok"


def _write(core: Core) -> str:
    core.storage.check()
    return "ok"


def _reaper_sign(core: Core) -> str:
    age = core.store.now() / 1000 - float(core.redis.get(redis_keys.REAPER) or 0)
    return (
        "ok" if age < REAPER_SILENT_SECONDS + 3 * core.settings.reaper_seconds else "no process looks for lost leases"
    )
