"""The parts every command of the CLI shares: the client, where it prints, and how a refusal is shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from typer.core import TyperGroup

from api_schemas.evaluation import Report
from api_schemas.job_plans import JobPlan
from api_schemas.jobs import Job, JobRequest, JobState
from api_schemas.report_tables import measured, predicted_cost, predicted_seconds, span
from ladd_client.api import LaddClient
from ladd_client.errors import ClientError, failure_text
from ladd_client.stages import StageBoard
from ladd_client.tables import printable, report_text, tables_text, text_table
from ladd_client.watch import watch
from method.protocols import PROTOCOLS, QUICK

ASK_ABOVE_SECONDS = 3600
"""Of device time, at most, that a job is predicted to take."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print what the API answered.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="PATH=JSON for any other field, e.g. evaluation.overrides.lr=0.01. Repeatable."),
]
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

    def start(self, request: JobRequest, detach: bool, yes: bool, idempotency_key: str | None = None) -> None:
        """Show what a job is predicted to cost, ask whether to start one above an hour, and go on as `started` does."""
        plan = self.client.validate(request)
        if plan.cost is not None:
            typer.echo(predicted_cost(plan.cost), err=True)
        for note in plan.notes:
            typer.echo(f"note: {note}", err=True)
        if not yes and plan.cost is not None:
            _ask(plan)
        self.started(self.client.submit(request, idempotency_key), detach)

    def started(self, job: Job, detach: bool) -> None:
        """Print a new job's id; unless detached, follow it and print its result."""
        typer.echo(job.id)
        if detach and job.waiting is not None:
            typer.echo(f"waiting: {job.waiting}", err=True)
        if not detach:
            self.answer_result(self.follow(job.id))

    def answer_result(self, job: Job) -> None:
        """Print the results of a succeeded job: its report where it has one, with all warnings first."""
        report = self.client.report(job.id) if job.links.report is not None else None
        typer.echo(result_text(job, report))

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


def _ask(plan: JobPlan) -> None:
    """Go on only with a yes where a job may hold devices for more than an hour."""
    seconds = predicted_seconds(plan.cost) if plan.cost is not None else None
    if seconds is None or seconds[1] <= ASK_ABOVE_SECONDS:
        return
    if plan.params.get("protocol", QUICK) != QUICK:
        typer.echo(f"--protocol {QUICK} takes {PROTOCOLS[QUICK].title}", err=True)
    question = f"It takes {span(*seconds)} of one device. Start it (--yes: without this question)?"
    typer.confirm(question, abort=True, err=True)


def result_text(job: Job, report: Report | None) -> str:
    """The results of a succeeded job as text."""
    result = job.result
    if result is None:
        return f"{job.id} {job.state}"
    made = {"dataset": result.dataset, "labeler": result.labeler}
    lines = "\n".join(f"{name} {identifier}" for name, identifier in made.items() if identifier is not None)
    if report is not None:
        measurements = report_text(report)
    else:
        measurements = tables_text(measured(None, None, result.flops, job.cost, intervals=False))
    return "\n\n".join(block for block in (lines, measurements) if block)


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


def assigned(document: dict[str, Any], assignments: list[str] | None) -> dict[str, Any]:
    """`document` with the values of `--set PATH=JSON` in it; what is no JSON is a text.

    Raises `typer.BadParameter` for a path through something that is not an object.
    """
    for assignment in assignments or []:
        path, text = pair(assignment, "--set")
        *parents, last = path.split(".")
        inner = document
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise typer.BadParameter(f"{path}: {parent} is not an object", param_hint="--set")
        try:
            inner[last] = json.loads(text)
        except json.JSONDecodeError:
            inner[last] = text
    return document


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
