"""`/v1/labelers`: import, list, show and delete labelers, with one row per epoch."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import LabelerId
from api_schemas.jobs import Job
from api_schemas.labelers import Labeler, LabelerFromUploads, LabelerKind, LabelerMetadata, LabelerPage
from api_schemas.problems import ErrorCode
from service.core.foundation.ids import new_id
from service.core.resources import labelers
from service.http.answers import ACCEPTED, accepted
from service.http.dependencies import CoreDep, Cursor, Limit
from service.http.list_filters import CommonFilters
from service.http.openapi import form_or_json
from service.http.problems import BODY_ERRORS, responses
from service.http.received import received

PATH = "/v1/labelers"
METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)
FROM_UPLOADS: TypeAdapter[LabelerFromUploads] = TypeAdapter(LabelerFromUploads)

router = APIRouter(prefix=PATH, tags=["labelers"])


@router.post(
    "",
    status_code=202,
    openapi_extra={"requestBody": form_or_json("LabelerMetadata", "LabelerFromUploads", files_required=False)},
    responses={202: ACCEPTED, **responses(*BODY_ERRORS, ErrorCode.DATASET_NOT_READY)},
)
async def import_labeler(request: Request, response: Response, core: CoreDep) -> Job:
    """Import a labeler: a form with a part `metadata` (JSON) and the parts `files` that its kind needs, in any order.

    Or JSON: the metadata with `upload_ids` of files that were sent in parts, see `/v1/uploads`.

    The answer is the job that reads and tests it. Where the job succeeds, `result.labeler` is the new labeler; where
    the network is refused, `error.reasons` say why.
    """
    labeler_id = new_id("lb")
    async with received(request, core, labeler_id, METADATA, FROM_UPLOADS) as (metadata, files):
        job = await run_in_threadpool(labelers.import_labeler, core, metadata, files, labeler_id)
    response.headers.update(accepted(job.links.self, created=True))
    return job


@router.get("", responses=responses(ErrorCode.INVALID_REQUEST))
def list_labelers(
    core: CoreDep, filters: CommonFilters, kind: LabelerKind | None = None, cursor: Cursor = None, limit: Limit = 20
) -> LabelerPage:
    """List labelers, newest first; one that was trained here goes by the name of its architecture."""
    return labelers.page(core, filters.also(kind=kind), cursor, limit)


@router.get("/{labeler_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_labeler(labeler_id: LabelerId, core: CoreDep) -> Labeler:
    """Show one labeler."""
    return labelers.view(core, labeler_id)


@router.delete("/{labeler_id}", status_code=204, responses=responses(ErrorCode.NOT_FOUND, ErrorCode.LABELER_IN_USE))
def delete_labeler(labeler_id: LabelerId, core: CoreDep) -> None:
    """Delete a labeler that no unfinished job needs; archives that it labelled stay."""
    labelers.delete(core, labeler_id)
