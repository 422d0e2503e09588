"""`ladd export`, `ladd compare`, `ladd pin`."""

from pathlib import Path
from typing import Annotated

import typer

from api_schemas.datasets import ExportFormat
from ladd_client.session import JsonOption, Session
from ladd_client.stages import StageBoard
from ladd_client.tables import text_table
from method.files import EXPORT_ENDINGS


def export(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Any set that is ready.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: <dataset>.npz, ..., here.")] = None,
    export_format: Annotated[
        ExportFormat, typer.Option("--format", help="npz; mtt: images_best.pt, labels_best.pt; png: class folders.")
    ] = ExportFormat.NPZ,
    as_json: JsonOption = False,
) -> None:
    """Download a set without its dense labels in a layout of the field."""
    session: Session = context.obj
    destination = output or Path(f"{dataset}.{EXPORT_ENDINGS[export_format]}")
    with StageBoard(session.progress) as board, board.stage("download") as stage:
        session.client.export_dataset(dataset, destination, export_format, stage.bytes)
    session.answer(str(destination), as_json, dataset=dataset, path=str(destination))


def compare(
    context: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB JOB...", help="The others are compared with the first.")],
    as_json: JsonOption = False,
) -> None:
    """Show how the evaluations of jobs differ from that of the first, in points."""
    session: Session = context.obj
    found = session.client.compare(jobs)
    if as_json:
        session.answer_json(found)
        return
    rows = [
        [
            each.arm,
            each.architecture or "k-CAE",
            each.job,
            f"{each.difference:+.2f}",
            "-" if each.ci95 is None else "{:+.2f} to {:+.2f}".format(*each.ci95),
            each.verdict,
        ]
        for each in found.differences
    ]
    typer.echo(text_table(["arm", "architecture", f"minus {found.jobs[0]}", "points", "95 %", "verdict"], rows))
    for note in found.notes:
        typer.echo(note)


def pin(
    context: typer.Context,
    identifiers: Annotated[list[str], typer.Argument(metavar="ID...", help="Of sets, labelers and jobs.")],
    remove: Annotated[bool, typer.Option("--remove", help="Let retention remove them again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep sets, labelers and jobs, and what these name, however old they are."""
    session: Session = context.obj
    for identifier in identifiers:
        session.client.pin(identifier, not remove)
        session.answer(f"{identifier} {'not ' * remove}pinned", as_json, id=identifier, pinned=not remove)
