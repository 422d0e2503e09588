"""Operations: who works, what waits, what is wrong."""

from starlette.requests import Request
from starlette.responses import Response

from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.listing import EVERYTHING
from service.core.foundation.tenants import DEFAULT
from service.core.queue import workers
from service.core.resources import api_keys, jobs
from service.core.resources.api_keys import Scope
from service.core.upkeep import health
from service.http.access import visitor
from service.http.dependencies import CoreDep
from service.http.pages.jobs import title
from service.http.pages.site import page, pages

FAILURES = 10

router = pages("/operations")


@router.get("")
def show_operations(request: Request, core: CoreDep) -> Response:
    """Show the checks of `/readyz`, every worker's last sign of life, late failures and bytes by tenant.

    Raises ServiceError FORBIDDEN for a key without the scope `admin`: this is about everybody.
    """
    key = visitor(request)
    if key is not None and not key.allows(Scope.ADMIN):
        raise ServiceError(ErrorCode.FORBIDDEN, f"Operations are of all tenants: {key.id} has no scope `admin`.")
    signs = workers.known(core.redis)
    now, _ = core.redis.time()
    failed = jobs.page(core, EVERYTHING.also([JobState.FAILED]), limit=FAILURES).items
    return page(
        request,
        "operations.html",
        readiness=health.check(core),
        workers=[(name, sign, max(0, now - sign.expires + workers.SILENT_SECONDS)) for name, sign in signs.items()],
        now=now,
        failed=[(job, title(core, job)) for job in failed],
        stored=_stored(core),
    )


def _stored(core: Core) -> list[tuple[str, int, int]]:
    """Return each tenant with how many sets and labelers it stores, and their bytes; the largest first."""
    tenants = {DEFAULT} | {key.tenant for key in api_keys.indexed(core).values()}
    stored = {tenant: core.redis.hvals(redis_keys.stored_bytes(tenant)) for tenant in tenants}
    sums = [(tenant, len(values), sum(map(int, values))) for tenant, values in stored.items()]
    return sorted(sums, key=lambda each: -each[2])
