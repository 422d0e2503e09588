"""`ladd submit`, `presets`, `preset`, `jobs`, `watch`, `cancel`, `retry`, `report`."""

from itertools import islice
from typing import Annotated

import typer

from api_schemas.jobs import TERMINAL_STATES, Job, JobKind, JobState
from api_schemas.report_tables import clock, predicted_seconds, span
from ladd_client.cli_filters import STATES_HELP, AfterOption, BeforeOption, NameOption
from ladd_client.cli_run import DetachOption, SourceOption, YesOption
from ladd_client.filters import Filters
from ladd_client.job_calls import JOB_REQUEST
from ladd_client.params import TagOption, tags_of
from ladd_client.session import JsonOption, LimitOption, Session
from ladd_client.stages import minute
from ladd_client.tables import report_text
from method.paper import METHODS

jobs_app = typer.Typer()

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]


@jobs_app.command()
def submit(
    context: typer.Context,
    request: Annotated[typer.FileText, typer.Argument(help="A JSON file with kind, params, tags; - for stdin.")],
    idempotency_key: Annotated[str | None, typer.Option(help="Repeat safely: same key, same job.")] = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start a job from a JSON file, the body of `POST /v1/jobs`."""
    session: Session = context.obj
    session.start(JOB_REQUEST.validate_json(request.read()), detach, yes, idempotency_key, as_json)


@jobs_app.command()
def presets(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the paper's experiments and the protocol `quick`, each as a job."""
    session: Session = context.obj
    found = session.client.presets().items
    rows = [[preset.name, preset.kind, preset.title] for preset in found]
    session.answer_list(found, ["preset", "kind", "what"], rows, as_json)


@jobs_app.command()
def preset(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="One that `ladd presets` lists.")],
    dataset: Annotated[str, typer.Option("--dataset", help="The distilled set.")],
    source_dataset: SourceOption = None,
    method: Annotated[
        str | None,
        typer.Option(help=f"What distilled the set ({', '.join(METHODS)}): the report then shows the paper's numbers."),
    ] = None,
    plus_dataset: Annotated[
        str | None, typer.Option(help="A set with one image more of each class, for the arm baseline_plus.")
    ] = None,
    _as_json: JsonOption = True,
) -> None:
    """Print one of the paper's experiments as a job, for `ladd submit -` or to edit first."""
    session: Session = context.obj
    session.answer_json(session.client.preset(name, dataset, source_dataset, method, plus_dataset))


@jobs_app.command()
def jobs(
    context: typer.Context,
    kind: Annotated[JobKind | None, typer.Option()] = None,
    state: Annotated[list[JobState] | None, typer.Option(help=STATES_HELP)] = None,
    tag: TagOption = None,
    name: NameOption = None,
    created_after: AfterOption = None,
    created_before: BeforeOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    session: Session = context.obj
    filters = Filters(tags=tags_of(tag), name=name, created_after=created_after, created_before=created_before)
    found = list(islice(session.client.jobs(kind, state, **filters), limit))
    rows = [
        [job.id, job.kind, job.state, _progress(job), _left(job), minute(job.created_at), job.name] for job in found
    ]
    session.answer_list(found, ["job", "kind", "state", "progress", "eta", "created", "name"], rows, as_json)


@jobs_app.command()
def watch(context: typer.Context, job: JobArgument, as_json: JsonOption = False) -> None:
    """Follow a job to its end and print its result."""
    session: Session = context.obj
    session.answer_result(job, as_json)


@jobs_app.command()
def cancel(context: typer.Context, job: JobArgument, as_json: JsonOption = False) -> None:
    """Ask a job to stop."""
    session: Session = context.obj
    found = session.client.cancel(job)
    if as_json:
        session.answer_json(found)
    else:
        typer.echo(f"{job} {found.state}")


@jobs_app.command()
def retry(context: typer.Context, job: JobArgument, detach: DetachOption = False, as_json: JsonOption = False) -> None:
    """Start a failed or canceled job again as a new one that keeps the finished tasks."""
    session: Session = context.obj
    session.started(session.client.retry(job), detach, as_json)


@jobs_app.command()
def report(
    context: typer.Context,
    job: JobArgument,
    partial: Annotated[
        bool, typer.Option("--partial", help="Of a job that runs, was canceled or failed: of what it has found.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the report of a succeeded job, or what is there of another."""
    session: Session = context.obj
    found = session.client.report(job, partial)
    if as_json:
        session.answer_json(found)
    else:
        typer.echo(report_text(found))


def _progress(job: Job) -> str:
    progress = job.progress
    if progress is None or job.state not in (JobState.RUNNING, JobState.CANCELING):
        return "-"
    return f"{progress.stage} {progress.done / progress.total:.0%}" if progress.total else progress.stage


def _left(job: Job) -> str:
    """The time that the stage under way will take, or that a job which waits is predicted to take of one device."""
    progress = job.progress
    if job.state is JobState.RUNNING and progress is not None and progress.eta_seconds is not None:
        return clock(progress.eta_seconds)
    if job.state in TERMINAL_STATES or job.cost is None:
        return "-"
    seconds = predicted_seconds(job.cost.predicted)
    return "-" if seconds is None else f"in all {span(*seconds)}"
