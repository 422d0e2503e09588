"""The parts every command of the CLI shares: the client, where it prints, and how a refusal is shown."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
from ladd_client.errors import ClientError, UnreachableError, failure_text
from ladd_client.exit_codes import ExitCode
from ladd_client.stages import StageBoard
from ladd_client.tables import printable, report_text, tables_text, text_table
from ladd_client.watch import watch
from method.protocols import PROTOCOLS, QUICK

ASK_ABOVE_SECONDS = 3600
"""Of device time, at most, that a job is predicted to take."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
LimitOption = Annotated[int, typer.Option(min=1, help="How many to show at most.")]


@dataclass
class Session:
    """One run of the CLI: where it was told to go. Answers go to stdout, all else to stderr."""

    url: str | None = None
    api_key: str | None = None
    profile: str | None = None

    @cached_property
    def client(self) -> LaddClient:
        """The client of that service. Raises `ClientError` where no address or profile is meant by it."""
        return LaddClient(self.url, api_key=self.api_key, profile=self.profile)

    @property
    def hasty_client(self) -> LaddClient:
        """A client of its own that tries each call once, and not for long."""
        return LaddClient(self.url, api_key=self.api_key, profile=self.profile, attempts=1, timeout=10)

    def close(self) -> None:
        """Close the client, if there was one."""
        if "client" in self.__dict__:
            self.client.close()

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

    def answer(self, text: str, as_json: bool, **document: Any) -> None:
        """Print a line, or what it says as JSON."""
        typer.echo(json.dumps(document) if as_json else text)

    def start(
        self, request: JobRequest, detach: bool, yes: bool, idempotency_key: str | None = None, as_json: bool = False
    ) -> None:
        """Show what a job is predicted to cost, ask whether to start one above an hour, and go on as `started` does.

        Where nobody can be asked (standard input is no terminal) it is started.
        """
        plan = self.client.validate(request)
        if plan.cost is not None:
            typer.echo(predicted_cost(plan.cost), err=True)
        for note in plan.notes:
            typer.echo(f"note: {note}", err=True)
        if not yes and somebody_is_there():
            _ask(plan)
        self.started(self.client.submit(request, idempotency_key), detach, as_json)

    def started(self, job: Job, detach: bool, as_json: bool = False) -> None:
        """Print a new job's id; unless detached, follow it and print its result. As JSON: the job alone."""
        typer.echo(job.id, err=as_json)
        if detach:
            if job.waiting is not None:
                typer.echo(f"waiting: {job.waiting}", err=True)
            if as_json:
                self.answer_json(job)
        else:
            self.answer_result(job.id, as_json)

    def answer_result(self, job_id: str, as_json: bool = False) -> None:
        """Follow a job and print its results: its report where it has one, with all warnings first.

        As JSON: the job, also where it did not succeed.
        """
        job = self.followed(job_id)
        if as_json:
            self.answer_json(job)
        self.leave_unless_succeeded(job)
        if not as_json:
            report = self.client.report(job.id) if job.links.report is not None else None
            typer.echo(result_text(job, report))

    def followed(self, job_id: str) -> Job:
        """Show a job to its end and return it."""
        try:
            with StageBoard(self.progress) as board:
                return watch(self.client, job_id, board)
        except KeyboardInterrupt:
            typer.echo(f"the job goes on; see it again with: ladd watch {job_id}", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    def leave_unless_succeeded(self, job: Job) -> None:
        """Say why a job did not succeed and leave the program with the code for it."""
        if job.state is not JobState.SUCCEEDED:
            typer.echo(printable(failure_text(job)), err=True)
            raise typer.Exit(ExitCode.FAILED)


def somebody_is_there() -> bool:
    """Tell whether questions can be answered."""
    return sys.stdin.isatty()


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


class RefusalGroup(TyperGroup):
    """Shows what client, server and file system refuse as a message, without a traceback, and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except UnreachableError as error:
            typer.echo(printable(str(error)), err=True)
            raise typer.Exit(ExitCode.UNREACHABLE) from None
        except (ClientError, OSError) as error:
            typer.echo(printable(str(error)), err=True)
        except ValidationError as error:
            for entry in error.errors():
                location = ".".join(str(part) for part in entry["loc"])
                typer.echo(f"{location}: {entry['msg']} [{entry['type']}, got {entry['input']!r}]", err=True)
        raise typer.Exit(ExitCode.PROBLEM)
