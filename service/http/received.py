"""How files come in: streamed in a form, or named in a JSON body after they were sent in parts."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api_schemas.problems import ErrorCode
from api_schemas.uploads import UploadIds
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.resources import part_uploads
from service.http.limits import MAX_JSON_BYTES
from service.http.upload import Metadata, ReceivedForm, UploadSlots, check_size, parsed_metadata, received_form
from service.http.validation import invalid, reasons_of

UPLOAD_IDS: TypeAdapter[list[str]] = TypeAdapter(UploadIds)


@asynccontextmanager
async def received(
    request: Request, core: Core, owner_id: str, metadata: TypeAdapter[Metadata], slots: UploadSlots
) -> AsyncIterator[ReceivedForm[Metadata]]:
    """Return what `request` brings for the dataset or labeler that will have the id `owner_id`.

    A JSON body is the metadata with `upload_ids` in it; anything else has to be a form, see `received_form`. Raises
    what that raises; reasons about a JSON body, those of the block included, name its own fields.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        async with received_form(request, core, owner_id, metadata, slots) as form:
            yield form
        return
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        check_size("The body", len(body), MAX_JSON_BYTES)
    with _located_in_json():
        sent, upload_ids = _split(bytes(body))
        files = await run_in_threadpool(part_uploads.as_files, core, upload_ids)
        yield ReceivedForm(parsed_metadata(sent, metadata), files)


def _split(body: bytes) -> tuple[bytes, list[str]]:
    """Return the metadata and the upload ids; what is no JSON object is left to the metadata's own check."""
    try:
        sent = json.loads(body)
        named = sent.pop("upload_ids", [])
    except (ValueError, RecursionError, AttributeError, TypeError):
        return body, []
    try:
        return json.dumps(sent).encode(), UPLOAD_IDS.validate_python(named)
    except ValidationError as error:
        raise invalid(reasons_of(error.errors(), named, at=("body", "upload_ids"))) from error


@contextmanager
def _located_in_json() -> Iterator[None]:
    """Name the fields of a JSON body, where the parts of a form would be named."""
    try:
        yield
    except ServiceError as error:
        if error.code is not ErrorCode.INVALID_REQUEST:
            raise
        reasons = [why.model_copy(update={"location": _in_json(why.location)}) for why in error.reasons]
        raise ServiceError(error.code, _in_json(error.message), reasons) from error


def _in_json(text: str) -> str:
    return (
        text.replace("body.metadata.", "body.")
        .replace("body.metadata", "body")
        .replace("body.files", "body.upload_ids")
    )
