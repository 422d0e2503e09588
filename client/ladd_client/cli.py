"""The `ladd` command: sets, labelers and archives here, jobs in `cli_jobs` and `cli_run`."""

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from api_schemas.datasets import (
    ArchiveFormat,
    Dataset,
    DatasetMetadata,
    DatasetRole,
    DatasetState,
    Resize,
)
from api_schemas.labelers import LabelerKind
from ladd_client.arguments import augmented
from ladd_client.cli_doctor import doctor_app
from ladd_client.cli_exports import exports_app
from ladd_client.cli_filters import STATES_HELP, AfterOption, BeforeOption, NameOption
from ladd_client.cli_imports import imports_app
from ladd_client.cli_jobs import jobs_app
from ladd_client.cli_logs import logs_app
from ladd_client.cli_profiles import profiles_app
from ladd_client.cli_results import compare, export, pin
from ladd_client.cli_run import run_app
from ladd_client.cli_webhooks import webhooks_app
from ladd_client.exit_codes import EPILOG
from ladd_client.filters import Filters
from ladd_client.params import SetOption, TagOption, assigned, tags_of, without_missing
from ladd_client.profiles import DEFAULT_URL
from ladd_client.session import (
    JsonOption,
    LimitOption,
    RefusalGroup,
    Session,
)
from ladd_client.stages import StageBoard, minute
from ladd_client.tables import printable
from method.class_maps import CLASS_MAPS, IMAGEFOLDER
from method.files import ARCHIVE_ENDINGS
from method.formats import AUTO, FORMATS

app = typer.Typer(
    cls=RefusalGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Label-Augmented Dataset Distillation.",
    epilog=EPILOG,
)
app.add_typer(run_app, name="run")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(jobs_app)
app.add_typer(imports_app)
app.add_typer(profiles_app)
app.add_typer(doctor_app)
app.add_typer(logs_app)
app.add_typer(exports_app)


@app.callback()
def connect(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(envvar="LADD_URL", help=f"The service. Default: the profile's, else {DEFAULT_URL}."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="LADD_API_KEY", help="Where the service wants one; better not on the command line."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(envvar="LADD_PROFILE", help="Service and key as `ladd login` wrote them.")
    ] = None,
) -> None:
    """Label-Augmented Dataset Distillation."""
    named = {
        name
        for name in ("url", "api_key", "profile")
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }
    if "profile" in named:
        # It comes before what the shell was once told.
        url, api_key = (url if "url" in named else None), (api_key if "api_key" in named else None)
    context.obj = Session(url, api_key, profile)
    context.call_on_close(context.obj.close)


@app.command()
def upload(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
    role: Annotated[DatasetRole, typer.Option(help="Synthetic images to augment, or the real data behind them.")],
    name: Annotated[str | None, typer.Option(help="Default: the first file's name.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}. Default: recognised.")
    ] = None,
    normalization: Annotated[
        str | None, typer.Option(help='auto, none, a name, or {"mean": [...], "std": [...]}.')
    ] = None,
    class_map: Annotated[
        str | None,
        typer.Option(
            help=f"A label order by name ({', '.join([IMAGEFOLDER, *CLASS_MAPS])}); class names in label order, "
            'separated by commas or as ["..."]; or names to change, {"found": "meant"}.'
        ),
    ] = None,
    source_dataset: Annotated[str | None, typer.Option(help="The source set of a distilled set.")] = None,
    learned_lr: Annotated[float | None, typer.Option(help="The learning rate distilled along with the set.")] = None,
    distillation_flops: Annotated[float | None, typer.Option(help="What making the set took, for Figure 2.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Resize images to this many pixels a side.")] = None,
    resize: Annotated[Resize | None, typer.Option(help="How to resize.")] = None,
    experiment: Annotated[int | None, typer.Option(help="Which entry of a DC, DSA or DM file.")] = None,
    factor: Annotated[int | None, typer.Option(help="IDC: images are mosaics of so many tiles a side.")] = None,
    soft_labels: Annotated[
        str | None, typer.Option(help="Rows of float labels are probabilities, logits, or targets of a regression.")
    ] = None,
    tag: TagOption = None,
    set_: SetOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the validation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Upload a distilled set or a source set and wait until it is ready or rejected."""
    session: Session = context.obj
    sent = {
        "name": name or files[0].name.partition(".")[0],
        "role": role,
        "tags": tags_of(tag),
        "format": format_,
        "normalization": _statistics(normalization),
        "class_map": _class_map(class_map),
        "source_dataset": source_dataset,
        "learned_lr": learned_lr,
        "distillation_flops": distillation_flops,
        "resolution": resolution,
        "resize": resize,
        "experiment": experiment,
        "factor": factor,
        "soft_labels": soft_labels,
    }
    metadata = DatasetMetadata.model_validate(assigned(without_missing(sent), set_))
    with StageBoard(session.progress) as board, board.stage("upload") as stage:
        dataset = session.client.upload_dataset(metadata, files, stage.bytes)
    typer.echo(dataset.id, err=as_json)
    if not detach:
        job = session.followed(dataset.job)
        dataset = session.client.dataset(dataset.id)
    if as_json:
        session.answer_json(dataset)
    if not detach:
        session.leave_unless_succeeded(job)
        if not as_json:
            typer.echo(printable(_ready_text(dataset)))


@app.command()
def datasets(
    context: typer.Context,
    role: Annotated[DatasetRole | None, typer.Option()] = None,
    state: Annotated[list[DatasetState] | None, typer.Option(help=STATES_HELP)] = None,
    tag: TagOption = None,
    name: NameOption = None,
    created_after: AfterOption = None,
    created_before: BeforeOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List distilled, label-augmented and source sets, newest first."""
    session: Session = context.obj
    filters = Filters(tags=tags_of(tag), name=name, created_after=created_after, created_before=created_before)
    found = list(islice(session.client.datasets(role, state, **filters), limit))
    rows = [
        [
            dataset.id,
            dataset.name,
            "label-augmented" if dataset.augmentation else dataset.role,
            dataset.state,
            f"{dataset.stats.num_images:,}" if dataset.stats else "-",
            minute(dataset.created_at),
        ]
        for dataset in found
    ]
    session.answer_list(found, ["dataset", "name", "role", "state", "images", "created"], rows, as_json)


@app.command()
def labelers(
    context: typer.Context,
    kind: Annotated[LabelerKind | None, typer.Option()] = None,
    tag: TagOption = None,
    name: NameOption = None,
    created_after: AfterOption = None,
    created_before: BeforeOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List trained and imported labelers, newest first."""
    session: Session = context.obj
    filters = Filters(tags=tags_of(tag), name=name, created_after=created_after, created_before=created_before)
    found = list(islice(session.client.labelers(kind, **filters), limit))
    rows = [
        [
            labeler.id,
            labeler.architecture or labeler.name or "-",
            labeler.source_dataset,
            str(len(labeler.epochs)),
            f"{labeler.epochs[-1].val_accuracy:.2f} %",
            minute(labeler.created_at),
        ]
        for labeler in found
    ]
    header = ["labeler", "architecture", "source set", "epochs", "val accuracy", "created"]
    session.answer_list(found, header, rows, as_json)


@app.command()
def show(
    context: typer.Context, identifier: Annotated[str, typer.Argument(metavar="ID")], _as_json: JsonOption = True
) -> None:
    """Print a job, a dataset or a labeler as JSON."""
    session: Session = context.obj
    if identifier.startswith("ds_"):
        session.answer_json(session.client.dataset(identifier))
    elif identifier.startswith("lb_"):
        session.answer_json(session.client.labeler(identifier))
    else:
        session.answer_json(session.client.job(identifier))


@app.command()
def delete(
    context: typer.Context,
    identifiers: Annotated[list[str], typer.Argument(metavar="ID...", help="Sets, labelers and ended jobs.")],
    as_json: JsonOption = False,
) -> None:
    """Delete sets, labelers and jobs for good; refused for what an unfinished job needs."""
    session: Session = context.obj
    client = session.client
    kinds = {"ds": client.delete_dataset, "lb": client.delete_labeler, "job": client.delete_job}
    # All of them are looked at before the first is gone.
    calls = [(kinds.get(identifier.partition("_")[0]), identifier) for identifier in identifiers]
    if unknown := [identifier for call, identifier in calls if call is None]:
        raise typer.BadParameter(f"no id of a set (ds_), labeler (lb_) or job (job_): {', '.join(unknown)}")
    for call, identifier in calls:
        assert call is not None
        call(identifier)
        session.answer(f"{identifier} deleted", as_json, id=identifier, deleted=True)


@app.command()
def download(
    context: typer.Context,
    identifier: Annotated[
        str, typer.Argument(metavar="DATASET|JOB|LABELER", help="A label-augmented set, or its job; a labeler.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: <dataset>.zip, .mtt.zip, .tar, ..., here.")
    ] = None,
    archive_format: Annotated[
        ArchiveFormat, typer.Option("--format", help="zip, or another one that the job was asked to write.")
    ] = ArchiveFormat.ZIP,
    checkpoint: Annotated[
        int | None, typer.Option("--checkpoint", metavar="EPOCH", help="Of a labeler: its weights after this epoch.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="SHA256", help="Of a job with keep_models: a trial's network.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a label-augmented archive, or weights; run again to resume a broken download."""
    session: Session = context.obj
    if checkpoint is not None or model is not None:
        destination = output or Path(f"{identifier}-{model or f'epoch-{checkpoint}'}.safetensors")
        with StageBoard(session.progress) as board, board.stage("download") as stage:
            if model is not None:
                session.client.download_model(identifier, model, destination, stage.bytes)
            elif checkpoint is not None:
                session.client.download_checkpoint(identifier, checkpoint, destination, stage.bytes)
        session.answer(str(destination), as_json, id=identifier, path=str(destination))
        return
    dataset = augmented(session.client.job(identifier) if identifier.startswith("job_") else identifier)
    destination = output or Path(f"{dataset}.{ARCHIVE_ENDINGS[archive_format]}")
    with StageBoard(session.progress) as board, board.stage("download") as stage:
        session.client.download_archive(dataset, destination, stage.bytes, archive_format)
    size = destination.stat().st_size
    session.answer(str(destination), as_json, dataset=dataset, path=str(destination), bytes=size)


app.command()(export)
app.command()(compare)
app.command()(pin)


def main() -> None:
    """Run the program."""
    app()


def _statistics(text: str | None) -> object:
    return text if text is None or not text.startswith("{") else _json(text, "--normalization")


def _class_map(text: str | None) -> object:
    """A name stays one, an unknown one too, so that its refusal lists those that there are."""
    if text is None or text in (AUTO, IMAGEFOLDER, *CLASS_MAPS):
        return text
    if text.startswith(("[", "{")):
        return _json(text, "--class-map")
    return [name.strip() for name in text.split(",")] if "," in text else text


def _json(text: str, option: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from error


def _ready_text(dataset: Dataset) -> str:
    stats = dataset.stats
    if stats is None:
        return f"{dataset.id} {dataset.state}"
    shape = "x".join(str(size) for size in stats.image_shape)
    facts = [
        f"{stats.num_images:,} images {shape} {stats.dtype}, {stats.num_classes} classes",
        f"format {stats.detection.format}: {stats.detection.reason}",
        f"normalization {stats.normalization.name}: {stats.normalization.reason}",
        *(f"warning: {warning}" for warning in stats.warnings),
    ]
    return "\n".join([f"{dataset.id} {dataset.state}", *(f"  {fact}" for fact in facts)])
