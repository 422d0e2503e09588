"""Jobs: the list, and one job with its stages, trials and log while it runs."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import JobId
from api_schemas.jobs import TERMINAL_STATES, Job, JobKind, JobState, Task
from api_schemas.report_tables import predicted_seconds, span
from service.core.clients import Core
from service.core.resources import jobs
from service.http.dependencies import CoreDep, Cursor
from service.http.list_filters import CommonFilters
from service.http.pages.addresses import further
from service.http.pages.filters import EMPTY_IS_ANY
from service.http.pages.names import set_name
from service.http.pages.site import page, pages

PER_PAGE = 50

router = pages("/jobs")


class Stage(NamedTuple):
    """Tasks of one stage, in order."""

    name: str
    tasks: list[Task]

    @property
    def done(self) -> int:
        """How many of them have succeeded."""
        return sum(task.state is JobState.SUCCEEDED for task in self.tasks)


@router.get("")
def show_jobs(
    request: Request,
    core: CoreDep,
    filters: CommonFilters,
    kind: Annotated[JobKind | None, EMPTY_IS_ANY] = None,
    state: Annotated[JobState | None, EMPTY_IS_ANY] = None,
    cursor: Cursor = None,
) -> Response:
    """Show the newest jobs."""
    found = jobs.page(core, filters.also([state] if state else [], kind=kind), cursor, PER_PAGE)
    return page(
        request,
        "jobs.html",
        jobs=[(job, title(core, job)) for job in found.items],
        older=further(request, found.next_cursor),
        kinds=[*JobKind],
        states=[*JobState],
        kind=kind,
        state=state,
        name=filters.name,
        filtered=any(request.query_params.values()),
        running=any(job.state not in TERMINAL_STATES for job in found.items),
    )


@router.get("/{job_id}")
def show_job(request: Request, core: CoreDep, job_id: JobId) -> Response:
    """Show a job."""
    job = jobs.view(core, job_id)
    predicted = predicted_seconds(job.cost.predicted) if job.cost and job.cost.predicted else None
    return page(
        request,
        "job.html",
        job=job,
        title=title(core, job),
        stages=_stages(job.tasks),
        predicted=span(*predicted) if predicted else None,
        final=job.state in TERMINAL_STATES,
        can_be_retried=job.state in (JobState.FAILED, JobState.CANCELED) and job.links.retried_as is None,
    )


def title(core: Core, job: Job) -> str:
    """Return what a job is called, else its kind and its set."""
    if job.name:
        return job.name
    dataset = job.params.get("dataset") or next(iter(job.params.get("datasets") or []), None)
    about = dataset or job.params.get("source_dataset")
    words = job.kind.replace("_", " ")
    return f"{words}: {set_name(core, about)}" if isinstance(about, str) else words


def _stages(tasks: Sequence[Task]) -> list[Stage]:
    by_name: dict[str, list[Task]] = {}
    for task in tasks:
        by_name.setdefault(task.stage, []).append(task)
    return [Stage(name, found) for name, found in by_name.items()]
