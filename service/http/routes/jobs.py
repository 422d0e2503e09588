"""`/v1/jobs`: start, list, follow, cancel, retry and delete jobs."""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.base import JobId, Sha256
from api_schemas.evaluation import Report
from api_schemas.job_plans import JobPlan
from api_schemas.jobs import TERMINAL_STATES, Job, JobKind, JobPage, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds import AnyJobRequest
from service.core.resources import jobs, kept, models
from service.http.answers import ACCEPTED, accepted, redirects, to_storage
from service.http.dependencies import CoreDep, Cursor, IdempotencyKey, JobVersionsDep, Limit, note_key
from service.http.list_filters import CommonFilters
from service.http.negotiation import etag_matches, wait_seconds
from service.http.paging import PAGE, paged
from service.http.partial_reports import Partial, reported
from service.http.polls import caching, pace
from service.http.problems import BODY_ERRORS, KEY_ERRORS, responses
from service.http.renderings import RENDERINGS
from service.http.renderings.html_page import STYLE
from service.http.security_headers import inline_source, page_policy

POLL_SECONDS = 0.25
"""How often a waiting request looks again; workers report at most twice a second."""

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


def require_json(request: Request) -> None:
    """Refuse a body of another media type than JSON."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ServiceError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be application/json, got {media_type or 'none'}."
        )


@router.post(
    "",
    status_code=202,
    response_model=Job,
    dependencies=[Depends(require_json)],
    responses={
        202: ACCEPTED,
        200: {"model": JobPlan, "description": "Of `validate_only`: the plan; nothing is stored or started"},
        **responses(*BODY_ERRORS, ErrorCode.IDEMPOTENCY_KEY_REUSED, ErrorCode.DATASET_NOT_READY),
    },
)
def create_job(
    job: AnyJobRequest, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> Job | Response:
    """Start a job. The answer shows every default that was filled in.

    With `validate_only` nothing is started: the answer is what the job would do, and what that is predicted to cost.
    """
    if job.validate_only:
        return Response(jobs.validate(core, job).model_dump_json(), media_type="application/json")
    started, created = jobs.submit(core, job, idempotency_key)
    response.headers.update(accepted(started.links.self, created, pace(started)))
    return started


@router.get("", response_model=JobPage, responses={**PAGE, **responses(ErrorCode.INVALID_REQUEST)})
def list_jobs(
    request: Request,
    core: CoreDep,
    filters: CommonFilters,
    kind: JobKind | None = None,
    state: Annotated[Sequence[JobState], Query(description="Repeated: any of them.")] = (),
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """List jobs, newest first."""
    return paged(request, jobs.page(core, filters.also(state, kind=kind), cursor, limit))


@router.get(
    "/{job_id}",
    response_model=Job,
    responses={
        200: {
            "headers": {
                "ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}},
                "Retry-After": {
                    "description": "Seconds after which to look again; not of a job that is final.",
                    "schema": {"type": "integer"},
                },
            }
        },
        304: {"description": "Not Modified: `If-None-Match` names the current state"},
        **responses(ErrorCode.NOT_FOUND),
    },
)
async def get_job(
    job_id: JobId,
    core: CoreDep,
    versions: JobVersionsDep,
    if_none_match: Annotated[str | None, Header()] = None,
    prefer: Annotated[
        str | None, Header(description="`wait=N`: answer when the job is final, or after N (at most 60) seconds.")
    ] = None,
) -> Response:
    """Show one job, with `ETag` and `If-None-Match`; `Retry-After` says when something may have come of it."""
    seconds = wait_seconds(prefer)
    if seconds is not None:
        await _wait_until_final(core, job_id, seconds)
    # Before the job: a change between the two gives its reader a tag that is out of date, and so another look.
    etag = await versions.etag(core, job_id)
    job = await run_in_threadpool(jobs.view, core, job_id)
    again = pace(job)
    versions.note(job_id, etag, again)
    headers = caching(etag, again)
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
    if etag_matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(job.model_dump_json(), headers=headers, media_type="application/json")


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    dependencies=[Depends(note_key)],
    responses=responses(ErrorCode.NOT_FOUND, ErrorCode.JOB_NOT_CANCELABLE, *KEY_ERRORS),
)
def cancel_job(job_id: JobId, core: CoreDep) -> Job:
    """Cancel a job; running tasks end within seconds. Canceling a canceled job changes nothing."""
    return jobs.cancel(core, job_id)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    dependencies=[Depends(note_key)],
    responses={
        202: ACCEPTED,
        **responses(
            ErrorCode.NOT_FOUND,
            ErrorCode.JOB_NOT_RETRYABLE,
            ErrorCode.QUOTA_EXCEEDED,
            *KEY_ERRORS,
        ),
    },
)
def retry_job(job_id: JobId, response: Response, core: CoreDep) -> Job:
    """Start a failed job again as a new one that keeps its finished tasks. Repeating gives the same new job."""
    replacement, created = jobs.retry(core, job_id)
    response.headers.update(accepted(replacement.links.self, created, pace(replacement)))
    return replacement


@router.delete(
    "/{job_id}",
    status_code=204,
    responses=responses(ErrorCode.NOT_FOUND, ErrorCode.JOB_NOT_FINISHED, ErrorCode.JOB_IN_USE),
)
def delete_job(job_id: JobId, core: CoreDep) -> None:
    """Delete a job that has ended, with its report; what it made stays."""
    jobs.delete(core, job_id)


@router.get(
    "/{job_id}/report",
    response_model=Report,
    responses={
        304: {"description": "Not Modified: `If-None-Match` names the results that there are (`partial`)"},
        **responses(ErrorCode.NOT_FOUND, ErrorCode.NO_REPORT, ErrorCode.JOB_NOT_FINISHED),
    },
)
async def get_report(
    job_id: JobId, core: CoreDep, partial: Partial = False, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Show the report of a job: parameters, rows, summary, storage, FLOPs, versions, hardware, caveats."""

    def show(report: Report) -> Response:
        return Response(report.model_dump_json(), media_type="application/json")

    return await reported(core, job_id, partial, if_none_match, show)


@router.get(
    "/{job_id}/report.{form}",
    response_class=Response,
    responses={
        200: {
            "description": "The report as a text",
            "content": {media: {} for media, _ in RENDERINGS.values()},
        },
        304: {"description": "Not Modified: `If-None-Match` names the results that there are (`partial`)"},
        **responses(ErrorCode.NOT_FOUND, ErrorCode.NO_REPORT, ErrorCode.JOB_NOT_FINISHED),
    },
)
async def get_rendered_report(
    job_id: JobId,
    form: Literal["md", "html", "csv"],
    core: CoreDep,
    partial: Partial = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show the report as Markdown or HTML, or its trials as CSV."""
    media_type, render = RENDERINGS[form]
    # Figures are in the page itself.
    policy = page_policy(style=inline_source(STYLE.encode()), img="data:")
    policy["Content-Security-Policy"] += "; sandbox"

    def show(report: Report) -> Response:
        page = render(report, lambda figure: jobs.figure_png(core, figure))
        return Response(page, headers=policy, media_type=media_type)

    return await reported(core, job_id, partial, if_none_match, show)


@router.get(
    "/{job_id}/figures/{name}.png",
    **redirects("a link to the PNG", ErrorCode.NO_REPORT, ErrorCode.JOB_NOT_FINISHED),
)
def get_figure(job_id: JobId, name: str, core: CoreDep) -> RedirectResponse:
    """Show a figure of the report; `figures` of the report names them."""
    return to_storage(jobs.figure_url(core, job_id, name))


@router.post(
    "/{job_id}/pin",
    dependencies=[Depends(note_key)],
    responses=responses(ErrorCode.NOT_FOUND, *KEY_ERRORS),
)
def pin_job(job_id: JobId, core: CoreDep) -> Job:
    """Keep a job, its report, and the sets and labelers that it names, however long ago it ended."""
    return kept.set_pin(core, jobs.view(core, job_id), True)


@router.delete("/{job_id}/pin", responses=responses(ErrorCode.NOT_FOUND))
def unpin_job(job_id: JobId, core: CoreDep) -> Job:
    """Let retention remove a job again."""
    return kept.set_pin(core, jobs.view(core, job_id), False)


@router.get("/{job_id}/models/{sha256}", **redirects("a download link of a safetensors file"))
def get_model(job_id: JobId, sha256: Sha256, core: CoreDep) -> RedirectResponse:
    """Download the network of a trial: `model` of its row names it, where the job has `keep_models`."""
    return to_storage(models.model_url(core, job_id, sha256))


async def _wait_until_final(core: Core, job_id: str, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while await run_in_threadpool(jobs.state, core, job_id) not in TERMINAL_STATES and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
