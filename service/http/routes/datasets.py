"""`/v1/datasets`: upload, list, show and delete sets, download archives."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.base import DatasetId
from api_schemas.datasets import (
    ArchiveFormat,
    Dataset,
    DatasetFromUploads,
    DatasetMetadata,
    DatasetPage,
    DatasetRole,
    DatasetState,
)
from api_schemas.problems import ErrorCode
from service.core.foundation.ids import new_id
from service.core.resources import datasets, label_grid, pictures
from service.http.answers import ACCEPTED, accepted, redirects, to_storage
from service.http.dependencies import CoreDep, Cursor, Limit
from service.http.list_filters import CommonFilters
from service.http.openapi import form_or_json
from service.http.problems import BODY_ERRORS, responses
from service.http.received import received

PATH = "/v1/datasets"
METADATA, FROM_UPLOADS = TypeAdapter(DatasetMetadata), TypeAdapter(DatasetFromUploads)

router = APIRouter(prefix=PATH, tags=["datasets"])


@router.post(
    "",
    status_code=202,
    openapi_extra={"requestBody": form_or_json("DatasetMetadata", "DatasetFromUploads")},
    responses={202: ACCEPTED, **responses(*BODY_ERRORS)},
)
async def create_dataset(request: Request, response: Response, core: CoreDep) -> Dataset:
    """Upload a set: a form with a part `metadata` (JSON) and one or more parts `files`, in any order.

    Or JSON: the metadata with `upload_ids` of files that were sent in parts, see `/v1/uploads`.

    The files are checked after the answer: `state` goes from `validating` to `ready`, or to `rejected` with reasons.
    """
    dataset_id = new_id("ds")
    async with received(request, core, dataset_id, METADATA, FROM_UPLOADS) as (metadata, files):
        dataset = await run_in_threadpool(datasets.create, core, metadata, files, dataset_id)
    response.headers.update(accepted(dataset.links.self, created=True))
    return dataset


@router.get("", responses=responses(ErrorCode.INVALID_REQUEST))
def list_datasets(
    core: CoreDep,
    filters: CommonFilters,
    role: DatasetRole | None = None,
    state: Annotated[Sequence[DatasetState], Query(description="Repeated: any of them.")] = (),
    cursor: Cursor = None,
    limit: Limit = 20,
) -> DatasetPage:
    """List sets, newest first."""
    return datasets.page(core, filters.also(state, role=role), cursor, limit)


@router.get("/{dataset_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_dataset(dataset_id: DatasetId, core: CoreDep) -> Dataset:
    """Show one set."""
    return datasets.view(core, dataset_id)


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
