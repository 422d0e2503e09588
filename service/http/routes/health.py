"""`/livez` and `/readyz`."""

from fastapi import APIRouter
from starlette.responses import Response

from api_schemas.health import Liveness, Readiness
from service.core.upkeep import health
from service.http.dependencies import CoreDep

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Liveness:
    """The process answers."""
    return Liveness(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Something it depends on is away"}})
def readyz(response: Response, core: CoreDep) -> Readiness:
    """Redis and S3 answer, so requests can be served."""
    readiness = health.check(core)
    response.status_code = 200 if readiness.status == "ok" else 503
    return readiness
