"""`ladd export-report`, `ladd notebook`: a report in the tools that people already use."""

from pathlib import Path
from typing import Annotated

import typer

from ladd_client.cli_jobs import JobArgument
from ladd_client.exports import Tracker, export_report
from ladd_client.notebook import labelled_set, notebook_text
from ladd_client.session import JsonOption, Session

exports_app = typer.Typer()


@exports_app.command("export-report")
def export_report_command(
    context: typer.Context,
    job: JobArgument,
    target: Annotated[str, typer.Argument(metavar="DIR", help="A folder; for MLflow a tracking URI as well.")],
    to: Annotated[Tracker, typer.Option(help="The tracker of experiments.")],
    as_json: JsonOption = False,
) -> None:
    """Write a report as runs of TensorBoard, MLflow or Weights & Biases (offline)."""
    session: Session = context.obj
    export_report(session.client.report(job), to, target)
    session.answer(target, as_json, job=job, target=target)


@exports_app.command()
def notebook(
    context: typer.Context,
    job: JobArgument,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The .ipynb to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write a notebook that shows the job's archive and draws the figures of its report again."""
    client = context.obj.client
    report = client.report(job)
    file.write_text(notebook_text(report, labelled_set(client, report)), encoding="utf-8")
    context.obj.answer(str(file), as_json, job=job, path=str(file))
