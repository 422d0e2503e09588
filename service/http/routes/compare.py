"""`/v1/compare`: the evaluations of several jobs side by side."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api_schemas.base import JobId
from api_schemas.comparison import MOST_JOBS, JobComparison
from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode
from service.core.resources import comparisons
from service.http.answers import ACCEPTED, accepted
from service.http.dependencies import CoreDep
from service.http.problems import responses

router = APIRouter(prefix="/v1/compare", tags=["jobs"])


@router.get(
    "",
    response_model=JobComparison,
    responses={
        202: {"model": Job, **ACCEPTED},
        **responses(ErrorCode.INVALID_REQUEST, ErrorCode.NO_REPORT, ErrorCode.QUOTA_EXCEEDED),
    },
)
def compare_jobs(
    job: Annotated[
        list[JobId],
        Query(min_length=2, max_length=MOST_JOBS, description="Repeated: the others are compared with the first."),
    ],
    core: CoreDep,
) -> JobComparison | Response:
    """Show rows and k-CAEs of evaluations of one source set, and how they differ.

    It is computed when it is asked for first: the answer is then `202` with the job that does so, and `200` once that
    has succeeded.
    """
    found = comparisons.compare(core, job)
    if isinstance(found, JobComparison):
        return found
    headers = accepted(found.links.self, created=True)
    return Response(found.model_dump_json(), status_code=202, headers=headers, media_type="application/json")
