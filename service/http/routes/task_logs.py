"""`/v1/jobs/{id}/tasks/{name}/logs`: what the runners of a task told, as text or as JSON pages."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from api_schemas.base import JobId
from api_schemas.problems import ErrorCode
from api_schemas.task_logs import LogPage, line_text
from service.core.foundation.errors import ServiceError, invalid
from service.core.resources import task_logs
from service.http.dependencies import CoreDep, Cursor
from service.http.negotiation import preferred_type
from service.http.problems import responses

JSON, TEXT = "application/json", "text/plain"

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/tasks/{name}/logs",
    response_model=LogPage,
    responses={
        200: {
            "description": "A page of messages, or with `Accept: text/plain` all of them, a line each",
            "content": {TEXT: {"schema": {"type": "string"}}},
        },
        **responses(ErrorCode.NOT_FOUND, ErrorCode.NOT_ACCEPTABLE, ErrorCode.INVALID_REQUEST),
    },
)
def get_task_logs(
    job_id: JobId,
    name: Annotated[str, Path(max_length=300, description="The `name` of a task of the job.")],
    core: CoreDep,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    tail: Annotated[int | None, Query(ge=1, le=100_000, description="Only the last so many messages.")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Largest number of messages in a JSON page.")] = 100,
) -> Response:
    """Read what the runners of a task told, attempt by attempt, and why attempts failed.

    A runner that died left the last lines of its standard error.
    """
    media_type = preferred_type(accept, (JSON, TEXT))
    if media_type is None:
        raise ServiceError(ErrorCode.NOT_ACCEPTABLE, f"Logs come as {TEXT} or {JSON}, not {accept}.")
    if tail is not None and cursor is not None:
        raise invalid(
            "query.tail", "tail_or_cursor", tail, "tail counts from the end and cursor from the start: give one"
        )
    if media_type == JSON and tail is None:
        found = task_logs.page(core, job_id, name, cursor, limit)
    else:
        lines = task_logs.read(core, job_id, name)
        found = LogPage(items=lines[-tail:] if tail else lines, next_cursor=None)
    if media_type == JSON:
        return Response(found.model_dump_json(), media_type=JSON)
    return Response("".join(f"{line_text(line)}\n" for line in found.items), media_type=f"{TEXT}; charset=utf-8")
