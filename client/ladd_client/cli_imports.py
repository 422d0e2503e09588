"""`ladd import-labeler` and `ladd run import-labeler`: networks that were trained elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api_schemas.labelers import LabelerImportKind
from ladd_client.cli_run import DetachOption, run_app
from ladd_client.labeler_calls import LABELER_METADATA
from ladd_client.params import ParamsOption, SetOption, assigned, merged, object_of, without_missing
from ladd_client.session import JsonOption, Session
from ladd_client.stages import StageBoard

imports_app = typer.Typer()

FilesArgument = Annotated[list[Path] | None, typer.Argument(exists=True, dir_okay=False, readable=True)]


@imports_app.command("import-labeler")
def import_labeler(
    context: typer.Context,
    metadata: Annotated[str, typer.Argument(help='JSON: {"kind": ..., "name": ..., "source_dataset": ..., ...}.')],
    files: FilesArgument = None,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import a labeler: weights, MTT's replay buffer, torchvision's, an exported network, a zero-shot one."""
    _start(context, LABELER_METADATA.validate_json(metadata), files, detach, as_json)


@run_app.command("import-labeler")
def run_import(
    context: typer.Context,
    files: FilesArgument = None,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(LabelerImportKind)}.")] = None,
    name: Annotated[str | None, typer.Option(help="A name of your own.")] = None,
    source_dataset: Annotated[str | None, typer.Option(help="The source set.")] = None,
    architecture: Annotated[str | None, typer.Option(help="Of weights and of a replay buffer.")] = None,
    params: ParamsOption = None,
    set_: SetOption = None,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import a labeler that was trained elsewhere."""
    given = {"kind": kind, "name": name, "source_dataset": source_dataset, "architecture": architecture}
    sent = assigned(merged(object_of(params), without_missing(given)), set_)
    _start(context, LABELER_METADATA.validate_python(sent), files, detach, as_json)


def _start(context: typer.Context, metadata: Any, files: list[Path] | None, detach: bool, as_json: bool) -> None:
    session: Session = context.obj
    with StageBoard(session.progress) as board, board.stage("upload") as stage:
        job = session.client.import_labeler(metadata, files or [], stage.bytes)
    session.started(job, detach, as_json)
