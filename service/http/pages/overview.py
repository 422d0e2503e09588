"""The first page: three steps to a first result, or what runs and what came of the last job."""

from starlette.requests import Request
from starlette.responses import Response

from api_schemas.jobs import Job, JobKind, JobState
from api_schemas.report_summary import headline
from service.core.clients import Core
from service.core.foundation.listing import EVERYTHING
from service.core.resources import datasets, jobs
from service.http.dependencies import CoreDep
from service.http.pages.jobs import title
from service.http.pages.site import page, pages

RECENT = 5
WITH_REPORTS = (JobKind.LADD, JobKind.EVALUATE)

router = pages()


@router.get("/")
def show_overview(request: Request, core: CoreDep) -> Response:
    """Show what there is to do, or what goes on."""
    running = jobs.page(core, EVERYTHING.also([JobState.RUNNING]), limit=RECENT).items
    queued = jobs.page(core, EVERYTHING.also([JobState.QUEUED]), limit=RECENT).items
    recent = jobs.page(core, EVERYTHING.also([JobState.SUCCEEDED]), limit=2 * RECENT).items
    results = [found for job in recent if job.links.report and (found := _result(core, job))][:RECENT]
    return page(
        request,
        "overview.html",
        running=[(job, title(core, job)) for job in running],
        queued=[(job, title(core, job)) for job in queued],
        results=results,
        sets=datasets.page(core, limit=RECENT).items,
        new=not (running or queued or results),
    )


def _result(core: Core, job: Job) -> tuple[Job, str] | None:
    sentence = headline(jobs.report(core, job.id)) if job.kind in WITH_REPORTS else None
    return (job, sentence) if sentence else None
