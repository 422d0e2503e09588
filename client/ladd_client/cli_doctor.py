"""`ladd doctor` and `ladd open`."""

import json
import webbrowser
from dataclasses import asdict
from typing import Annotated

import typer

from ladd_client.api import LaddClient
from ladd_client.doctor import Check, Outcome, examine
from ladd_client.exit_codes import ExitCode
from ladd_client.session import JsonOption, Session
from ladd_client.tables import printable

doctor_app = typer.Typer()


@doctor_app.command()
def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Look at everything from here to the workers, and say how to mend what is not well.

    Ends with code 1 where a check fails; a warning is none.
    """
    session: Session = context.obj
    found: list[Check] = []
    with session.hasty_client as client:
        for check in examine(client):
            found.append(check)
            if not as_json:
                typer.echo(printable(_line(check)))
    failed = any(check.outcome is Outcome.FAIL for check in found)
    if as_json:
        typer.echo(json.dumps({"well": not failed, "checks": [asdict(check) for check in found]}, indent=2))
    if failed:
        raise typer.Exit(ExitCode.PROBLEM)


@doctor_app.command("open")
def open_page(
    context: typer.Context,
    identifier: Annotated[str | None, typer.Argument(metavar="[JOB|DATASET|LABELER]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the address of the service's page of a job, its report, a set or a labeler, and open it in a browser."""
    session: Session = context.obj
    url = session.client.base_url.rstrip("/") + _page(session.client, identifier)
    session.answer(url, as_json, url=url)
    webbrowser.open(url)


def _page(client: LaddClient, identifier: str | None) -> str:
    """Return the path of what is named; asks the service, so that what there is not is said here."""
    if identifier is None:
        return "/"
    if identifier.startswith("ds_"):
        return f"/sets/{client.dataset(identifier).id}"
    if identifier.startswith("lb_"):
        return f"/labelers/{client.labeler(identifier).id}"
    job = client.job(identifier)
    return f"/jobs/{job.id}" if job.links.report is None else f"/jobs/{job.id}/report"


def _line(check: Check) -> str:
    line = f"{check.outcome:<5} {check.name:<14} {check.message}"
    return line if check.mend is None else f"{line}\n{'':<20} {check.mend}"
