"""`/v1/labelers`: trained labelers with one row per epoch."""

from fastapi import APIRouter

from api_schemas.base import LabelerId
from api_schemas.labelers import Labeler, LabelerPage
from api_schemas.problems import ErrorCode
from service.core import labelers
from service.http.dependencies import CoreDep, Cursor, Limit
from service.http.problems import responses

router = APIRouter(prefix="/v1/labelers", tags=["labelers"])


@router.get("", responses=responses(ErrorCode.INVALID_REQUEST))
def list_labelers(core: CoreDep, cursor: Cursor = None, limit: Limit = 20) -> LabelerPage:
    """List labelers, newest first."""
    return labelers.page(core, cursor, limit)


@router.get("/{labeler_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_labeler(labeler_id: LabelerId, core: CoreDep) -> Labeler:
    """Show one labeler."""
    return labelers.view(core, labeler_id)
