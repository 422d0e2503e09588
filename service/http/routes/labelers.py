"""`/v1/labelers`: import, list, show and delete labelers, with one row per epoch."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.base import LabelerId
from api_schemas.jobs import Job
from api_schemas.labelers import Labeler, LabelerFromUploads, LabelerKind, LabelerMetadata, LabelerPage
from api_schemas.problems import ErrorCode
from service.core.foundation.ids import new_id
from service.core.resources import jobs, kept, labelers, models
from service.http.answers import ACCEPTED, accepted, redirects, to_storage
from service.http.dependencies import CoreDep, Cursor, IdempotencyKey, Limit, note_key
from service.http.list_filters import CommonFilters
from service.http.openapi import form_or_json
from service.http.paging import PAGE, paged
from service.http.polls import pace
from service.http.problems import BODY_ERRORS, KEY_ERRORS, responses
from service.http.received import received

PATH = "/v1/labelers"
METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)
FROM_UPLOADS: TypeAdapter[LabelerFromUploads] = TypeAdapter(LabelerFromUploads)

router = APIRouter(prefix=PATH, tags=["labelers"])


@router.post(
    "",
    status_code=202,
    openapi_extra={"requestBody": form_or_json("LabelerMetadata", "LabelerFromUploads", files_required=False)},
    responses={202: ACCEPTED, **responses(*BODY_ERRORS, ErrorCode.IDEMPOTENCY_KEY_REUSED, ErrorCode.DATASET_NOT_READY)},
)
async def import_labeler(
    request: Request, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> Job:
    """Import a labeler: a form with a part `metadata` (JSON) and the parts `files` that its kind needs, in any order.

    Or JSON: the metadata with `upload_ids` of files that were sent in parts, see `/v1/uploads`.

    The answer is the job that reads and tests it. Where the job succeeds, `result.labeler` is the new labeler; where
    the network is refused, `error.reasons` say why.
    """
    labeler_id = new_id("lb")
    async with received(request, core, labeler_id, METADATA, FROM_UPLOADS, idempotency_key) as sent:
        if sent.made is not None:
            job, created = await run_in_threadpool(jobs.view, core, sent.made), False
        else:
            start = partial(labelers.import_labeler, core, sent.metadata, sent.files, labeler_id, sent.asked)
            job, created = await run_in_threadpool(start)
    response.headers.update(accepted(job.links.self, created, pace(job)))
    return job


@router.get("", response_model=LabelerPage, responses={**PAGE, **responses(ErrorCode.INVALID_REQUEST)})
def list_labelers(
    request: Request,
    core: CoreDep,
    filters: CommonFilters,
    kind: LabelerKind | None = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """List labelers, newest first; one that was trained here goes by the name of its architecture."""
    return paged(request, labelers.page(core, filters.also(kind=kind), cursor, limit))


@router.get("/{labeler_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_labeler(labeler_id: LabelerId, core: CoreDep) -> Labeler:
    """Show one labeler."""
    return labelers.view(core, labeler_id)


@router.get("/{labeler_id}/checkpoints/{epoch}", **redirects("a download link of a safetensors file"))
def get_checkpoint(
    labeler_id: LabelerId,
    epoch: Annotated[int, Path(ge=0, description="One of `epochs` that has a `checkpoint`.")],
    core: CoreDep,
) -> RedirectResponse:
    """Download the weights of a labeler after an epoch that it keeps."""
    return to_storage(models.checkpoint_url(core, labeler_id, epoch))


@router.post(
    "/{labeler_id}/pin",
    dependencies=[Depends(note_key)],
    responses=responses(ErrorCode.NOT_FOUND, *KEY_ERRORS),
)
def pin_labeler(labeler_id: LabelerId, core: CoreDep) -> Labeler:
    """Keep a labeler however old it is."""
    return kept.set_pin(core, labelers.view(core, labeler_id), True)


@router.delete("/{labeler_id}/pin", responses=responses(ErrorCode.NOT_FOUND))
def unpin_labeler(labeler_id: LabelerId, core: CoreDep) -> Labeler:
    """Let retention remove a labeler again."""
    return kept.set_pin(core, labelers.view(core, labeler_id), False)


@router.delete("/{labeler_id}", status_code=204, responses=responses(ErrorCode.NOT_FOUND, ErrorCode.LABELER_IN_USE))
def delete_labeler(labeler_id: LabelerId, core: CoreDep) -> None:
    """Delete a labeler that no unfinished job needs; archives that it labelled stay."""
    labelers.delete(core, labeler_id)
