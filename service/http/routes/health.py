"""`/livez` and `/readyz`."""

from fastapi import APIRouter
from starlette.responses import Response

from api_schemas.health import Liveness, Readiness
from service.core.upkeep import health
from service.http.dependencies import CoreDep
from service.http.problems import RETRY_AFTER_SECONDS

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Liveness:
    """The process answers."""
    return Liveness(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "This front cannot reach Redis or S3"}})
def readyz(response: Response, core: CoreDep) -> Readiness:
    """Redis and S3 answer, so requests can be served; `degraded` where jobs or workers are in trouble nevertheless."""
    readiness = health.check(core)
    if readiness.status == "unavailable":
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return readiness
