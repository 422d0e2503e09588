"""Reports that may have to be made first: those of jobs that have not ended, or not well."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_schemas.evaluation import Report
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.resources import jobs
from service.http.negotiation import etag_matches
from service.http.polls import caching

LONGEST_WAIT = 20.0
"""Seconds for a worker to make it; one that is free takes a few."""
POLL_SECONDS = 0.5
"""Pause between two looks, each of which lists a folder of the storage."""

Partial = Annotated[
    bool,
    Query(
        description="Of a job that has not succeeded, the report of what it has found so far, marked as such "
        "(`complete` is false), with an `ETag` that changes as trials end; a worker makes it, which takes seconds."
    ),
]


async def reported(
    core: Core, job_id: str, partial: bool, if_none_match: str | None, show: Callable[[Report], Response]
) -> Response:
    """Answer with the report of a job as `show` renders it; `partial`: with that of what there is, or 304.

    Raises what `jobs.report` and `jobs.partial_report` raise, and ServiceError UNAVAILABLE where no worker answers.
    """
    if not partial:
        return await run_in_threadpool(lambda: show(jobs.report(core, job_id)))
    # Before the report: a result between the two gives its reader a tag that is out of date, and so another look.
    state, results = await run_in_threadpool(jobs.results, core, job_id)
    headers = caching(f'"{state}.{results}"')
    if etag_matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    deadline = time.monotonic() + LONGEST_WAIT
    while (report := await run_in_threadpool(jobs.partial_report, core, job_id, results)) is None:
        if time.monotonic() > deadline:
            raise ServiceError(ErrorCode.UNAVAILABLE, f"No worker has made the report of {job_id} yet; ask again.")
        await asyncio.sleep(POLL_SECONDS)
    answer = await run_in_threadpool(show, report)
    answer.headers.update(headers)
    return answer
