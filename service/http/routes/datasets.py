"""`/v1/datasets`: upload, list, show and delete sets, download archives."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.base import DatasetId
from api_schemas.datasets import (
    ArchiveFormat,
    Dataset,
    DatasetChanges,
    DatasetFromUploads,
    DatasetMetadata,
    DatasetPage,
    DatasetRole,
    DatasetState,
    ExportFormat,
)
from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode
from service.core.foundation.ids import new_id
from service.core.resources import dataset_changes, datasets, exports, kept, label_grid, pictures
from service.http.answers import ACCEPTED, accepted, redirects, to_storage
from service.http.dependencies import CoreDep, Cursor, IdempotencyKey, Limit, note_key
from service.http.list_filters import CommonFilters
from service.http.negotiation import etag_matches
from service.http.openapi import form_or_json
from service.http.paging import PAGE, paged
from service.http.problems import BODY_ERRORS, KEY_ERRORS, responses
from service.http.received import received

PATH = "/v1/datasets"
METADATA, FROM_UPLOADS = TypeAdapter(DatasetMetadata), TypeAdapter(DatasetFromUploads)

router = APIRouter(prefix=PATH, tags=["datasets"])


@router.post(
    "",
    status_code=202,
    openapi_extra={"requestBody": form_or_json("DatasetMetadata", "DatasetFromUploads")},
    responses={202: ACCEPTED, **responses(*BODY_ERRORS, ErrorCode.IDEMPOTENCY_KEY_REUSED)},
)
async def create_dataset(
    request: Request, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> Dataset:
    """Upload a set: a form with a part `metadata` (JSON) and one or more parts `files`, in any order.

    Or JSON: the metadata with `upload_ids` of files that were sent in parts, see `/v1/uploads`.

    The files are checked after the answer: `state` goes from `validating` to `ready`, or to `rejected` with reasons.
    """
    dataset_id = new_id("ds")
    async with received(request, core, dataset_id, METADATA, FROM_UPLOADS, idempotency_key) as sent:
        if sent.made is not None:
            dataset = await run_in_threadpool(datasets.made_by, core, sent.made)
        else:
            create = partial(datasets.create, core, sent.metadata, sent.files, dataset_id, sent.asked)
            dataset = await run_in_threadpool(create)
    response.headers.update(accepted(dataset.links.self, created=dataset.id == dataset_id))
    return dataset


@router.get("", response_model=DatasetPage, responses={**PAGE, **responses(ErrorCode.INVALID_REQUEST)})
def list_datasets(
    request: Request,
    core: CoreDep,
    filters: CommonFilters,
    role: DatasetRole | None = None,
    state: Annotated[Sequence[DatasetState], Query(description="Repeated: any of them.")] = (),
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """List sets, newest first."""
    return paged(request, datasets.page(core, filters.also(state, role=role), cursor, limit))


@router.get("/{dataset_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_dataset(dataset_id: DatasetId, response: Response, core: CoreDep) -> Dataset:
    """Show one set; `ETag` is what `If-Match` of a change takes."""
    dataset = datasets.view(core, dataset_id)
    response.headers["ETag"] = _etag(dataset)
    return dataset


@router.patch(
    "/{dataset_id}",
    responses={
        201: {"model": Dataset, "description": "A new version of the set, at `Location`; the set itself is as it was"},
        **responses(
            ErrorCode.NOT_FOUND,
            ErrorCode.DATASET_NOT_READY,
            ErrorCode.PRECONDITION_FAILED,
            ErrorCode.INVALID_REQUEST,
        ),
    },
)
def change_dataset(
    dataset_id: DatasetId,
    changes: DatasetChanges,
    response: Response,
    core: CoreDep,
    if_match: Annotated[str | None, Header(description="Change it only if this is its `ETag`.")] = None,
) -> Dataset:
    """Correct a set without a new upload: `name` and `tags` in place.

    `class_names`, `normalization` and `source_dataset` change results: they make a new set of the same files (201),
    whose `previous` is this one.
    """
    dataset, is_new = dataset_changes.change(
        core, dataset_id, changes, lambda found: if_match is None or etag_matches(if_match, _etag(found))
    )
    if is_new:
        response.status_code = 201
        response.headers["Location"] = dataset.links.self
    response.headers["ETag"] = _etag(dataset)
    return dataset


def _etag(dataset: Dataset) -> str:
    return f'"{hashlib.sha256(dataset.model_dump_json().encode()).hexdigest()[:32]}"'


@router.post(
    "/{dataset_id}/pin",
    dependencies=[Depends(note_key)],
    responses=responses(ErrorCode.NOT_FOUND, *KEY_ERRORS),
)
def pin_dataset(dataset_id: DatasetId, core: CoreDep) -> Dataset:
    """Keep a set, and what it names, however old it is."""
    return kept.set_pin(core, datasets.view(core, dataset_id), True)


@router.delete("/{dataset_id}/pin", responses=responses(ErrorCode.NOT_FOUND))
def unpin_dataset(dataset_id: DatasetId, core: CoreDep) -> Dataset:
    """Let retention remove a set again."""
    return kept.set_pin(core, datasets.view(core, dataset_id), False)


@router.delete("/{dataset_id}", status_code=204, responses=responses(ErrorCode.NOT_FOUND, ErrorCode.DATASET_IN_USE))
def delete_dataset(dataset_id: DatasetId, core: CoreDep) -> None:
    """Delete a set that no unfinished job needs."""
    datasets.delete(core, dataset_id)


@router.get(
    "/{dataset_id}/archive",
    **redirects("a download link, of which ranges work,", ErrorCode.NO_ARCHIVE, ErrorCode.INVALID_REQUEST),
)
def get_archive(
    dataset_id: DatasetId,
    core: CoreDep,
    archive_format: Annotated[ArchiveFormat, Query(alias="format")] = ArchiveFormat.ZIP,
) -> RedirectResponse:
    """Download the archive of a label-augmented set, as the zip or in another format that its job has written."""
    return to_storage(datasets.archive_url(core, dataset_id, archive_format))


@router.get(
    "/{dataset_id}/export",
    status_code=307,
    response_class=RedirectResponse,
    response_model=None,
    responses={
        307: {"description": "Temporary Redirect: `Location` is a download link that expires"},
        202: {"model": Job, **ACCEPTED},
        **responses(
            ErrorCode.NOT_FOUND, ErrorCode.DATASET_NOT_READY, ErrorCode.INVALID_REQUEST, ErrorCode.QUOTA_EXCEEDED
        ),
    },
)
def get_export(
    dataset_id: DatasetId,
    core: CoreDep,
    export_format: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.NPZ,
) -> Response:
    """Download a set, distilled or source, without dense labels in a layout of the field.

    It is written when it is asked for first: the answer is then `202` with the job that does so, and `307` once that
    has succeeded, for as long as a job that made it is there.
    """
    found = exports.export(core, dataset_id, export_format)
    if isinstance(found, str):
        return to_storage(found)
    headers = accepted(found.links.self, created=True)
    return Response(found.model_dump_json(), status_code=202, headers=headers, media_type="application/json")


@router.get(
    "/{dataset_id}/preview.png",
    **redirects("a link to the PNG", ErrorCode.DATASET_NOT_READY),
)
def get_preview(dataset_id: DatasetId, core: CoreDep) -> RedirectResponse:
    """Show the first images of the first classes in one picture, the normalization undone."""
    return to_storage(pictures.preview_url(core, dataset_id))


@router.get(
    "/{dataset_id}/dense_labels.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The picture"},
        **responses(ErrorCode.NOT_FOUND, ErrorCode.NO_ARCHIVE, ErrorCode.INVALID_REQUEST),
    },
)
def get_label_grid(
    dataset_id: DatasetId,
    core: CoreDep,
    index: Annotated[int, Query(ge=0, description="Which image, counted from 0, in the order of the labels.")] = 0,
) -> Response:
    """Show the views of an image of a label-augmented set: where each lies, and the classes the labeler sees in it."""
    return _unchanging(label_grid.label_grid_png(core, dataset_id, index))


@router.get(
    "/{dataset_id}/images/{index}.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The image"},
        **responses(ErrorCode.NOT_FOUND, ErrorCode.DATASET_NOT_READY, ErrorCode.INVALID_REQUEST),
    },
)
def get_image(
    dataset_id: DatasetId,
    index: Annotated[int, Path(ge=0, description="Counted from 0, in the order of the labels.")],
    core: CoreDep,
    split: Annotated[Literal["train", "val"] | None, Query(description="Of a source set; default: train.")] = None,
) -> Response:
    """Show one image, the normalization undone and values that are no pixels clipped."""
    return _unchanging(pictures.image_png(core, dataset_id, split, index))


def _unchanging(png: bytes) -> Response:
    """Answer with a picture of a set, which never changes."""
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"})
