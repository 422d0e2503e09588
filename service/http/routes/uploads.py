"""`/v1/uploads`: send a large file in parts, straight to the object storage."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api_schemas.problems import ErrorCode
from api_schemas.uploads import Upload, UploadId, UploadRequest
from service.core.lifecycle import repeats
from service.core.resources import part_uploads
from service.http.answers import located
from service.http.dependencies import CoreDep, IdempotencyKey, note_key
from service.http.problems import KEY_ERRORS, responses
from service.http.routes.jobs import require_json

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

After = Annotated[int, Query(ge=0, description="Only parts behind this number: `next_after` of the page before.")]
PartLimit = Annotated[int, Query(ge=0, le=1000, description="How many parts at most.")]


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(require_json)],
    responses={
        201: {"headers": {"Location": {"description": "The upload.", "schema": {"type": "string"}}}},
        **responses(
            ErrorCode.UPLOAD_TOO_LARGE,
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            ErrorCode.QUOTA_EXCEEDED,
            *KEY_ERRORS,
        ),
    },
)
def create_upload(
    upload: UploadRequest, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> Upload:
    """Announce a file. Each part of the answer has a link to PUT its bytes to."""
    asked = repeats.asked(core, idempotency_key, ["uploads", upload.model_dump(mode="json", exclude_unset=True)])
    announced, created = part_uploads.create(core, upload, asked)
    response.headers.update(located(announced.links.self, created))
    return announced


@router.get("/{upload_id}", responses=responses(ErrorCode.NOT_FOUND, ErrorCode.INVALID_REQUEST))
def get_upload(upload_id: UploadId, core: CoreDep, after: After = 0, limit: PartLimit = 1000) -> Upload:
    """Show which parts have arrived, with fresh links for the others."""
    return part_uploads.view(core, upload_id, after, limit)


@router.post(
    "/{upload_id}/complete",
    dependencies=[Depends(note_key)],
    responses=responses(
        ErrorCode.NOT_FOUND,
        ErrorCode.UPLOAD_INCOMPLETE,
        *KEY_ERRORS,
    ),
)
def complete_upload(upload_id: UploadId, core: CoreDep) -> Upload:
    """Put the parts together and check size and digest, which takes seconds a GiB. May be repeated.

    Then `POST /v1/datasets` or `/v1/labelers` with JSON takes it, once: `upload_ids` beside the fields of the metadata.
    """
    return part_uploads.complete(core, upload_id)


@router.delete("/{upload_id}", status_code=204, responses=responses(ErrorCode.NOT_FOUND))
def delete_upload(upload_id: UploadId, core: CoreDep) -> None:
    """Drop an upload that nothing was made of."""
    part_uploads.discard(core, upload_id)
