"""`ladd logs`: what the tasks of a job told, so far or as it happens."""

from collections.abc import Iterator
from typing import Annotated

import typer

from api_schemas.events import EventType
from api_schemas.jobs import TERMINAL_STATES
from api_schemas.problems import TaskError
from api_schemas.task_logs import LogLine, error_message, line_text
from ladd_client.api import LaddClient
from ladd_client.session import JsonOption, Session
from ladd_client.tables import printable

logs_app = typer.Typer()


@logs_app.command()
def logs(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")],
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="The name of a task; default: all.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job, or the task, has ended.")
    ] = False,
    tail: Annotated[int | None, typer.Option(min=1, help="Only the last so many messages of each task.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what the tasks of a job told, and why attempts at them failed."""
    session: Session = context.obj
    if follow and tail is not None:
        raise typer.BadParameter("--follow begins at the beginning: leave one of the two out", param_hint="--tail")
    told = _as_it_happens(session.client, job, task) if follow else _so_far(session.client, job, task, tail)
    for name, line in told:
        typer.echo(line.model_dump_json() if as_json else printable(line_text(line, "" if task else name)))


def _so_far(client: LaddClient, job: str, task: str | None, tail: int | None) -> Iterator[tuple[str, LogLine]]:
    names = [task] if task else [each.name for each in client.job(job).tasks if each.attempts]
    for name in names:
        yield from ((name, line) for line in client.logs(job, name, tail))


def _as_it_happens(client: LaddClient, job: str, task: str | None) -> Iterator[tuple[str, LogLine]]:
    attempts: dict[str, int] = {}
    for event in client.events(job, types=[EventType.LOG, EventType.STATE]):
        name = event.task or ""
        if task is not None and name != task:
            continue
        if event.type is EventType.LOG:
            yield name, LogLine(attempt=attempts.get(name), time=event.time, **event.data)
            continue
        attempts |= {name: event.data["attempt"]} if "attempt" in event.data else {}
        if name and "error" in event.data:
            message = error_message(TaskError.model_validate(event.data["error"]))
            yield name, LogLine(attempt=attempts.get(name), time=event.time, level="error", message=message)
        if task is not None and event.data["state"] in TERMINAL_STATES:
            return
