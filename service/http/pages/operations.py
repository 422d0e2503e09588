"""Operations: who works, what waits, what is wrong."""

from starlette.requests import Request
from starlette.responses import Response

from service.core.queue import workers
from service.core.upkeep import health
from service.http.dependencies import CoreDep
from service.http.pages.site import page, pages

router = pages("/operations")


@router.get("")
def show_operations(request: Request, core: CoreDep) -> Response:
    """Show the checks of `/readyz` and every worker's last sign of life."""
    signs = workers.known(core.redis)
    now, _ = core.redis.time()
    rows = [(name, sign, max(0, now - sign.expires + workers.SILENT_SECONDS)) for name, sign in signs.items()]
    return page(request, "operations.html", readiness=health.check(core), workers=rows, now=now)
