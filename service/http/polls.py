"""Polls of jobs: when to come again, and answers to those that find nothing new before they reach the routes, whose way
costs more than the answer.
"""

import math
import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_schemas.jobs import TERMINAL_STATES, Job, JobState
from api_schemas.report_tables import predicted_seconds
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.http import problems
from service.http.answers import RETRY_AFTER_SECONDS
from service.http.job_versions import JobVersions
from service.http.negotiation import etag_matches

SOONEST_SECONDS, LATEST_SECONDS = 1, 60
"""Of what a poller is asked to wait: workers tell progress twice a second, and a prediction may be wrong."""

JOB = re.compile(r"/v1/jobs/(job_[0-9a-z]{26})")


class PollMiddleware:
    """Answers `GET /v1/jobs/{id}` with 304 when the caller's `If-None-Match` names the current state.

    Everything else, a poll that waits (`Prefer`) included, goes on to the routes. A poll that finds nothing new costs
    the front 0.3 to 0.4 ms of CPU time here and 0.8 to 1.0 ms through the routes (two cores of an AMD EPYC, one
    connection, four laps of 1,500 polls each way, in turns); `python benchmarks/load.py --phases polls` tells it for
    1,000 callers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        answer = await self._unchanged(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        await (answer or self.app)(scope, receive, send)

    async def _unchanged(self, scope: Scope) -> Response | None:
        asked, headers = JOB.fullmatch(scope["path"]), Headers(scope=scope)
        known = headers.get("If-None-Match")
        if asked is None or known is None or "Prefer" in headers:
            return None
        core: Core = scope["state"]["core"]
        versions: JobVersions = scope["state"]["job_versions"]
        try:
            etag = await versions.etag(core, asked[1])
        except (ServiceError, *OUTAGES) as error:
            return await problems.answer(Request(scope), error)
        seconds = versions.noted(asked[1], etag) if etag_matches(known, etag) else None
        return None if seconds is None else Response(status_code=304, headers=caching(etag, seconds))


def pace(job: Job) -> int:
    """Return in how many seconds to poll a job again, 0 for one that has ended: the time to its end as far as known.

    It is that of the slowest task under way, of a job that waits the least that it is predicted to take; so it may be
    less than the time to the end, and does not tell of what comes after.
    """
    if job.state in TERMINAL_STATES:
        return 0
    ends = [task.progress.eta_seconds for task in job.tasks if task.state is JobState.RUNNING and task.progress]
    known = [seconds for seconds in ends if seconds is not None]
    if job.state is JobState.QUEUED and job.cost is not None and (predicted := predicted_seconds(job.cost.predicted)):
        known.append(predicted[0])
    seconds = max(known, default=RETRY_AFTER_SECONDS)
    return min(max(math.ceil(seconds), SOONEST_SECONDS), LATEST_SECONDS)


def caching(etag: str, seconds: int = 0) -> dict[str, str]:
    """Return the headers of a job: keep it, but ask each time whether it has changed. `seconds`: when; 0: not said."""
    return {"ETag": etag, "Cache-Control": "no-cache"} | ({"Retry-After": str(seconds)} if seconds else {})
