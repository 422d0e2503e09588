"""Reports: the result in a sentence, then in pictures, then in numbers."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import JobId
from api_schemas.evaluation import Report
from api_schemas.report_summary import headline, input_warnings, other_notes
from api_schemas.report_tables import ran_on, tables
from service.core.resources import jobs, shares
from service.http.access import own_origins
from service.http.charts.of_report import charts_of, other_figures
from service.http.dependencies import CoreDep
from service.http.pages.site import page, pages

router = pages()


Text = Annotated[str, Query(max_length=200)]


@router.get("/jobs/{job_id}/report")
def show_report(request: Request, core: CoreDep, job_id: JobId) -> Response:
    """Show the report of a job that has one."""
    report = jobs.report(core, job_id)
    link, signature = shares.share(core, job_id, jobs.owner(core, job_id))
    query = urlencode({"tenant": link.tenant, "until": link.until, "signature": signature})
    return _shown(
        request, report, f"{own_origins(request.scope)[0]}{request.state.prefix}/shared/jobs/{job_id}/report?{query}"
    )


@router.get("/shared/jobs/{job_id}/report")
def show_shared_report(
    request: Request, core: CoreDep, job_id: JobId, tenant: Text, until: int, signature: Text
) -> Response:
    """Show the report that a link opens, and nothing that leads from it."""
    owner = shares.opened_by(core, shares.Share(job_id, tenant, until), signature)
    return _shown(request, jobs.report(owner, job_id), None)


def _shown(request: Request, report: Report, link: str | None) -> Response:
    return page(
        request,
        "report.html",
        report=report,
        link=link,
        shared=link is None,
        days=shares.SECONDS // 86_400,
        result=headline(report),
        warnings=input_warnings(report),
        notes=other_notes(report),
        drawn=charts_of(report),
        figures=other_figures(report),
        tables=tables(report),
        ran_on=ran_on(report),
    )
