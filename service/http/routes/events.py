"""`/v1/jobs/{id}/events`: what happens in a job, as server-sent events or as a JSON page."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api_schemas.base import JobId
from api_schemas.events import EventPage, EventType, JobEvent
from api_schemas.jobs import TERMINAL_STATES
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.resources import events, jobs
from service.http.access import StillAdmitted
from service.http.dependencies import CoreDep, JobVersionsDep
from service.http.job_versions import JobVersions
from service.http.negotiation import preferred_type
from service.http.paging import paged
from service.http.problems import responses

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
BATCH = 500
POLL_SECONDS = 0.25
"""Pause between two looks for new events: a stream holds no thread and no connection while nothing happens."""
KEEPALIVE_SECONDS = 15
RECONNECT_MILLISECONDS = 2000

EventId = Annotated[str, Query(max_length=50, description="Only events after the one with this `id`.")]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_log = logging.getLogger(__name__)


@router.get(
    "/{job_id}/events",
    response_model=EventPage,
    responses={
        200: {
            "description": "A page of events, or with `Accept: text/event-stream` the stream of them: "
            "`id`, `event` (the type) and `data` (the event as JSON). It ends with the job.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        },
        204: {"description": "No Content: the job is final and the reader has every event; do not reconnect"},
        **responses(ErrorCode.NOT_FOUND, ErrorCode.NOT_ACCEPTABLE, ErrorCode.INVALID_REQUEST),
    },
)
async def get_events(
    job_id: JobId,
    request: Request,
    core: CoreDep,
    versions: JobVersionsDep,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    after: EventId | None = None,
    last_event_id: Annotated[
        str | None, Header(max_length=50, description="As `after`, and before it: what browsers send on reconnecting.")
    ] = None,
    types: Annotated[
        list[EventType] | None,
        Query(alias="type", max_length=16, description="Only events of this type; repeated, of any of these."),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=BATCH, description="Largest number of events in a JSON page, progress not counted.")
    ] = 100,
) -> Response:
    """Read the events of a job: a stream unless `Accept` prefers `application/json`.

    States, metrics, rows and logs are kept. Of progress each task has the last value: a reader gets that once, and then
    what comes. A history that has grown too long says so itself, in a log of the job.
    """
    media_type = preferred_type(accept, (EVENT_STREAM, JSON))
    if media_type is None:
        raise ServiceError(ErrorCode.NOT_ACCEPTABLE, f"Events come as {EVENT_STREAM} or {JSON}, not {accept}.")
    came_as = "header.Last-Event-ID" if last_event_id else "query.after"
    after = last_event_id or after
    reader = events.Reader(core, job_id, after, types or events.EVERY_TYPE, came_as)
    if media_type == JSON:
        items = await run_in_threadpool(reader.read, limit)
        page = EventPage(items=items, next_cursor=reader.after if reader.is_behind else None)
        return paged(request, page, cursor="after")
    final = await _is_final(core, job_id)
    first = await run_in_threadpool(reader.read, BATCH)
    if final and not first:
        return Response(status_code=204)
    stream = _stream(core, versions, request.state.still_admitted, job_id, reader, first, final)
    # nginx would gather events before it passes them on.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type=EVENT_STREAM, headers=headers)


async def _stream(
    core: Core,
    versions: JobVersions,
    still_admitted: StillAdmitted,
    job_id: str,
    reader: events.Reader,
    batch: list[JobEvent],
    final: bool,
) -> AsyncIterator[bytes]:
    """Yield `batch`, the first that was read, and what comes later, until job or admission end."""
    yield format_sse_event(retry=RECONNECT_MILLISECONDS)
    silent_since = time.monotonic()
    read_to = ""
    while batch or not final:
        for event in batch:
            yield format_sse_event(id=event.id, event=event.type, data_str=event.model_dump_json())
        if reader.is_over:
            return
        try:
            if batch:
                silent_since = time.monotonic()
            else:
                await asyncio.sleep(POLL_SECONDS)
            if time.monotonic() - silent_since > KEEPALIVE_SECONDS:
                yield KEEPALIVE_COMMENT
                silent_since = time.monotonic()
                final = await _is_final(core, job_id)
            if not await still_admitted():
                return
            version = await versions.etag(core, job_id)
            batch = [] if version == read_to else await run_in_threadpool(reader.read, BATCH)
            if not reader.is_behind:
                read_to = version
        except (*OUTAGES, ServiceError) as error:
            _log.warning("the events of %s end early: %s", job_id, error)
            return


async def _is_final(core: Core, job_id: str) -> bool:
    return await run_in_threadpool(jobs.state, core, job_id) in TERMINAL_STATES
