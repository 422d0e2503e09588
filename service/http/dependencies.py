"""Dependencies of routes: the opened core and the parameters several of them share."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from service.core.clients import Core
from service.http.job_versions import JobVersions


def opened_core(request: Request) -> Core:
    """Return the core that the application's lifespan opened."""
    core: Core = request.state.core
    return core


def job_versions(request: Request) -> JobVersions:
    """Return what the application asks for versions of jobs."""
    versions: JobVersions = request.state.job_versions
    return versions


CoreDep = Annotated[Core, Depends(opened_core)]
JobVersionsDep = Annotated[JobVersions, Depends(job_versions)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items at most.")]
