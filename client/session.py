"""The parts every command of the CLI shares: the client, where it prints, and how a refusal is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from typer.core import TyperGroup

from api_schemas.jobs import Job, JobState
from api_schemas.report_tables import measured, predicted_cost
from client.api import LaddClient
from client.errors import ClientError, describe
from client.stages import StageBoard
from client.tables import printable, tables_text, text_table
from client.watch import watch

JsonOption = Annotated[bool, typer.Option("--json", help="Print what the API answered.")]
LimitOption = Annotated[int, typer.Option(min=1, help="How many to show at most.")]


@dataclass(frozen=True)
class Session:
    """`client` for one run of the CLI. Answers go to stdout, progress to stderr."""

    client: LaddClient

    @property
    def progress(self) -> Console:
        """Where stages are shown."""
        return Console(stderr=True)

    def answer_json(self, document: BaseModel) -> None:
        """Print a model as the API sent it."""
        typer.echo(document.model_dump_json(indent=2))

    def answer_list(
        self, found: Sequence[BaseModel], header: Sequence[str], rows: Sequence[Sequence[str]], as_json: bool
    ) -> None:
        """Print a listing: a table, or one JSON document a line."""
        if as_json:
            for item in found:
                typer.echo(item.model_dump_json())
        else:
            typer.echo(text_table(header, rows))

    def started(self, job: Job, detach: bool) -> None:
        """Print a new job's id and what it is predicted to cost; unless detached, follow it and print its result."""
        typer.echo(job.id)
        if job.cost is not None:
            typer.echo(predicted_cost(job.cost.predicted), err=True)
        if not detach:
            typer.echo(result_text(self.follow(job.id)))

    def follow(self, job_id: str) -> Job:
        """Show a job to its end. Leaves the program with code 1 when it did not succeed."""
        try:
            with StageBoard(self.progress) as board:
                job = watch(self.client, job_id, board)
        except KeyboardInterrupt:
            typer.echo(f"the job goes on; see it again with: ladd watch {job_id}", err=True)
            raise typer.Exit(130) from None
        if job.state is not JobState.SUCCEEDED:
            typer.echo(printable(failure_text(job)), err=True)
            raise typer.Exit(1)
        return job


def result_text(job: Job) -> str:
    """The results of a succeeded job as text."""
    result = job.result
    if result is None:
        return f"{job.id} {job.state}"
    made = {"dataset": result.dataset, "labeler": result.labeler}
    lines = "\n".join(f"{name} {identifier}" for name, identifier in made.items() if identifier is not None)
    tables = tables_text(measured(result.evaluation, result.storage, result.flops, job.cost, intervals=False))
    return "\n\n".join(block for block in (lines, tables) if block)


def failure_text(job: Job) -> str:
    """Why a job ended without success."""
    lines = [f"{job.id} {job.state}"]
    if job.error is not None:
        lines[0] += f": {job.error.message} ({job.error.code}, origin {job.error.origin})"
        lines += [f"  {describe(reason)}" for reason in job.error.reasons]
    return "\n".join(lines)


def tags_of(given: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` options as a dictionary."""
    return dict(pair(entry, "--tag") for entry in given or [])


def pair(text: str, option: str) -> tuple[str, str]:
    """Both sides of the first `=`. Raises `typer.BadParameter` naming `option` where there is none."""
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r} has no '='", param_hint=option)
    return name, value


def without_missing(document: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given (None and emptied objects), so that the server fills in its defaults."""
    kept = {
        name: without_missing(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if value is not None
    }
    return {name: value for name, value in kept.items() if value != {}}


class RefusalGroup(TyperGroup):
    """Shows what client, server and file system refuse as a message, without a traceback, and exits with code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (ClientError, OSError) as error:
            typer.echo(printable(str(error)), err=True)
        except ValidationError as error:
            for entry in error.errors():
                location = ".".join(str(part) for part in entry["loc"])
                typer.echo(f"{location}: {entry['msg']} [{entry['type']}, got {entry['input']!r}]", err=True)
        raise typer.Exit(1)
