"""Dependencies of routes: the opened core and the parameters several of them share."""

from typing import Annotated

from fastapi import Depends, Header, Query
from starlette.requests import Request

from service.core.clients import Core
from service.core.lifecycle import repeats
from service.http.job_versions import JobVersions


def opened_core(request: Request) -> Core:
    """Return the core that the application's lifespan opened."""
    core: Core = request.state.core
    return core


def job_versions(request: Request) -> JobVersions:
    """Return what the application asks for versions of jobs."""
    versions: JobVersions = request.state.job_versions
    return versions


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Any unique text. Repeating a request with its key, within a week, gives what the first one made; "
        "another request with that key is refused.",
    ),
]


CoreDep = Annotated[Core, Depends(opened_core)]
JobVersionsDep = Annotated[JobVersions, Depends(job_versions)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items at most.")]


def note_key(request: Request, core: CoreDep, idempotency_key: IdempotencyKey = None) -> None:
    """Refuse a key of another request. For routes without a body that may be repeated anyhow."""
    path = request.scope["path"]
    repeats.note(core, repeats.asked(core, idempotency_key, [request.method, path]), path)
