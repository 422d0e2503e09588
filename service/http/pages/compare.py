"""Several evaluations side by side: their arms in one picture, their numbers in one table."""

from typing import Annotated

from fastapi import Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import JobId
from api_schemas.evaluation import Evaluation, EvaluationRow, Report
from api_schemas.report_summary import headline
from api_schemas.table import Table
from service.core.clients import Core
from service.core.resources import jobs
from service.http.charts.dots import Dot, dots
from service.http.charts.of_report import accuracies, arm_kind
from service.http.dependencies import CoreDep
from service.http.pages.jobs import title
from service.http.pages.site import page, pages

MOST = 8
"""Jobs beside each other."""

router = pages("/compare")


@router.get("")
def show_comparison(
    request: Request, core: CoreDep, job: Annotated[list[JobId] | None, Query(max_length=MOST)] = None
) -> Response:
    """Show the evaluations of these jobs, or ask for some."""
    reports = [jobs.report(core, each) for each in dict.fromkeys(job or [])]
    names = {report.job: _name(core, report, number) for number, report in enumerate(reports)}
    measured = [(names[report.job], report.evaluation) for report in reports if report.evaluation is not None]
    return page(
        request,
        "compare.html",
        reports=[(names[report.job], report, headline(report)) for report in reports],
        chart=_chart(measured) if measured else None,
        table=_table(measured) if measured else None,
        most=MOST,
    )


def _name(core: Core, report: Report, number: int) -> str:
    """Return the letter and the title of a job."""
    return f"{chr(ord('A') + number)}: {title(core, jobs.view(core, report.job))}"


def _chart(measured: list[tuple[str, Evaluation]]) -> Markup:
    lines = [
        Dot(f"{name[0]} {row.architecture}, {row.arm}", row.mean, accuracies(row.ci95), arm_kind(row.arm))
        for name, evaluation in measured
        for row in evaluation.rows
        if row.in_summary
    ]
    return dots("Accuracy", "%", sorted(lines, key=lambda line: line.name[2:]))


def _table(measured: list[tuple[str, Evaluation]]) -> Table:
    """Return architectures and arms by job. Differences between jobs are none of trials on the same set: no verdict."""
    places = dict.fromkeys(
        (row.architecture, row.arm) for _, evaluation in measured for row in evaluation.rows if row.in_summary
    )
    rows = [
        [f"{architecture}, {arm}", *(_cell(evaluation, architecture, arm) for _, evaluation in measured)]
        for architecture, arm in sorted(places)
    ]
    return Table("Accuracy in %, mean ± standard deviation over trials", ["", *(name for name, _ in measured)], rows)


def _cell(evaluation: Evaluation, architecture: str, arm: str) -> str:
    found = [row for row in evaluation.rows if (row.architecture, row.arm) == (architecture, arm) and row.in_summary]
    return "; ".join(map(_spread, found)) or "-"


def _spread(row: EvaluationRow) -> str:
    return f"{row.mean:.2f} ± {row.std:.2f} ({len(row.trials)})"
