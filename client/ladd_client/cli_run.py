"""`ladd run ...`: start a job of each kind from flags; only what is given is sent."""

from datetime import datetime
from typing import Annotated, Any

import typer

from api_schemas.jobs import JobKind
from ladd_client.cli_filters import MOMENTS
from ladd_client.job_calls import JOB_REQUEST
from ladd_client.params import (
    KindGroup,
    ParamsOption,
    SetOption,
    TagOption,
    assigned,
    first,
    merged,
    number_or_auto,
    object_of,
    tags_of,
    without_missing,
)
from ladd_client.session import JsonOption, Session
from method.architectures import ARCHITECTURES
from method.arms import ARMS
from method.precisions import PRECISIONS
from method.protocols import PROTOCOLS
from method.recipes import RECIPES

run_app = typer.Typer(
    cls=KindGroup, no_args_is_help=True, help="Start a job of a kind, from flags or a file of its params."
)

DatasetOption = Annotated[str | None, typer.Option("--dataset", help="The distilled set.")]
SourceOption = Annotated[str | None, typer.Option(help="The source set; default: the one named at upload.")]
EpochOption = Annotated[str | None, typer.Option(help="Which of the labeler's checkpoints, or auto.")]
TemperatureOption = Annotated[str | None, typer.Option(help="Of the labels' softmax, or auto; the paper's is 1.")]
GridOption = Annotated[int | None, typer.Option("--n", help="N: the grid has N x N local views.")]
RatioOption = Annotated[float | None, typer.Option(help="R: part of each axis that a view covers, in (0, 1].")]
ArmsOption = Annotated[list[str] | None, typer.Option("--arm", help=f"One of {', '.join(ARMS)}. Repeat for several.")]
ARCHITECTURE_NAMES = f"One of {', '.join(ARCHITECTURES)}"
ArchitecturesOption = Annotated[
    list[str] | None, typer.Option("--architecture", help=f"{ARCHITECTURE_NAMES}. Repeat for several.")
]
TrialsOption = Annotated[int | None, typer.Option(help="Trainings of each architecture on each arm.")]
RecipeOption = Annotated[str | None, typer.Option(help=f"Deployment protocol: {', '.join(RECIPES)}.")]
EpochsOption = Annotated[int | None, typer.Option(help="Deployment epochs.")]
ViewsOption = Annotated[str | None, typer.Option(help="full, sampled:K, pool or progressive.")]
WeightOption = Annotated[
    float | None,
    typer.Option(help="Of the views' mean beside the image in Eq. 5; default: as many as there are views."),
]
ReductionOption = Annotated[
    str | None, typer.Option(help="A --view-weight by name: sum, as many as there are views, or mean, 1.")
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        help=f"{'; '.join(f'{each.name}: {each.title}' for each in PRECISIONS.values())}. Default: published."
    ),
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of everything random.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Start it without asking, however long it may take.")]
ProtocolOption = Annotated[
    str | None,
    typer.Option(
        help=f"Defaults of all else. {'; '.join(f'{each.name}: {each.title}' for each in PROTOCOLS.values())}."
    ),
]
DetachOption = Annotated[bool, typer.Option("--detach", help="Print the job's id and do not wait for it.")]


@run_app.callback()
def about(
    name: Annotated[str | None, typer.Option(help="Of the job; default: its kind and the name of its set.")] = None,
    priority: Annotated[int | None, typer.Option(help="-10 to 10 among your jobs; higher ones come first.")] = None,
    deadline: Annotated[
        datetime | None,
        typer.Option(formats=MOMENTS, help="The job expires unless it has begun by then; without a zone, local time."),
    ] = None,
) -> None:
    """Start a job from flags. What stands before its kind is about the job."""


@run_app.command("train-labeler")
def train_labeler(
    context: typer.Context,
    source_dataset: Annotated[str | None, typer.Option(help="The source set.")] = None,
    architecture: Annotated[
        str | None, typer.Option(help=f"{ARCHITECTURE_NAMES}. Default: the ConvNet that fits.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Training epochs.")] = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    tag: TagOption = None,
    params: ParamsOption = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a labeler on a source set."""
    given = {"source_dataset": source_dataset, "architecture": architecture, "epochs": epochs, "seed": seed}
    _start(context, JobKind.TRAIN_LABELER, given, params, set_, tag, detach, yes, as_json)


@run_app.command("generate-labels")
def generate_labels(
    context: typer.Context,
    dataset: DatasetOption = None,
    labeler: Annotated[list[str] | None, typer.Option(help="A labeler; repeat for an ensemble.")] = None,
    epoch: EpochOption = None,
    temperature: TemperatureOption = None,
    n: GridOption = None,
    ratio: RatioOption = None,
    set_: SetOption = None,
    tag: TagOption = None,
    params: ParamsOption = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write dense labels for a distilled set."""
    given = {
        "dataset": dataset,
        "labeler": {"ensemble": labeler} if labeler and len(labeler) > 1 else first(labeler),
        "epoch": number_or_auto(epoch),
        "temperature": number_or_auto(temperature),
        "views": {"n": n, "ratio": ratio},
    }
    _start(context, JobKind.GENERATE_LABELS, given, params, set_, tag, detach, yes, as_json)


@run_app.command("evaluate")
def evaluate(
    context: typer.Context,
    dataset: Annotated[list[str] | None, typer.Option("--dataset", help="Repeat to compare several sets.")] = None,
    source_dataset: SourceOption = None,
    protocol: ProtocolOption = None,
    arm: ArmsOption = None,
    architecture: ArchitecturesOption = None,
    trials: TrialsOption = None,
    recipe: RecipeOption = None,
    epochs: EpochsOption = None,
    views: ViewsOption = None,
    view_weight: WeightOption = None,
    reduction: ReductionOption = None,
    precision: PrecisionOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    tag: TagOption = None,
    params: ParamsOption = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train architectures from scratch on sets and report their accuracy."""
    given = {
        "dataset": first(dataset) if not dataset or len(dataset) == 1 else None,
        "datasets": dataset if dataset and len(dataset) > 1 else None,
        "source_dataset": source_dataset,
        "protocol": protocol,
        **_evaluation(
            arms=arm,
            architectures=architecture,
            trials=trials,
            recipe=recipe,
            epochs=epochs,
            views=views,
            view_weight=view_weight,
            reduction=reduction,
            precision=precision,
            seed=seed,
        ),
    }
    _start(context, JobKind.EVALUATE, given, params, set_, tag, detach, yes, as_json)


@run_app.command("ladd")
def ladd(
    context: typer.Context,
    dataset: DatasetOption = None,
    source_dataset: SourceOption = None,
    labeler: Annotated[str | None, typer.Option(help="A trained labeler; default: train one.")] = None,
    labeler_epochs: Annotated[int | None, typer.Option(help="Epochs of a new labeler.")] = None,
    labeler_seeds: Annotated[
        int | None, typer.Option(help="New labelers that trials take in turn; default: 1.")
    ] = None,
    epoch: EpochOption = None,
    temperature: TemperatureOption = None,
    n: GridOption = None,
    ratio: RatioOption = None,
    protocol: ProtocolOption = None,
    arm: ArmsOption = None,
    architecture: ArchitecturesOption = None,
    trials: TrialsOption = None,
    recipe: RecipeOption = None,
    epochs: EpochsOption = None,
    views: ViewsOption = None,
    view_weight: WeightOption = None,
    reduction: ReductionOption = None,
    precision: PrecisionOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of labeler and evaluation.")] = None,
    set_: SetOption = None,
    tag: TagOption = None,
    params: ParamsOption = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train (or reuse) a labeler, write dense labels, evaluate."""
    if labeler is not None and labeler_epochs is not None:
        raise typer.BadParameter("a trained labeler has its epochs already", param_hint="--labeler-epochs")
    given = {
        "dataset": dataset,
        "source_dataset": source_dataset,
        "protocol": protocol,
        "labeler": labeler or {"epochs": labeler_epochs, "seed": seed},
        "labeler_seeds": labeler_seeds,
        "epoch": number_or_auto(epoch),
        "temperature": number_or_auto(temperature),
        "views": {"n": n, "ratio": ratio},
        "evaluation": _evaluation(
            arms=arm,
            architectures=architecture,
            trials=trials,
            recipe=recipe,
            epochs=epochs,
            views=views,
            view_weight=view_weight,
            reduction=reduction,
            precision=precision,
            seed=seed,
        ),
    }
    _start(context, JobKind.LADD, given, params, set_, tag, detach, yes, as_json)


@run_app.command("sweep")
def sweep(
    context: typer.Context,
    dataset: DatasetOption = None,
    source_dataset: SourceOption = None,
    labeler: Annotated[str | None, typer.Option(help="A trained labeler; default: train one.")] = None,
    n: Annotated[list[int] | None, typer.Option(help="N of the grid of views. Repeat for several.")] = None,
    ratio: Annotated[list[float] | None, typer.Option(help="R, in (0, 1]. Repeat for several.")] = None,
    epoch: Annotated[list[int] | None, typer.Option(help="Epoch of the labeler. Repeat for several.")] = None,
    protocol: ProtocolOption = None,
    arm: ArmsOption = None,
    architecture: ArchitecturesOption = None,
    trials: TrialsOption = None,
    recipe: RecipeOption = None,
    epochs: EpochsOption = None,
    views: ViewsOption = None,
    view_weight: WeightOption = None,
    reduction: ReductionOption = None,
    precision: PrecisionOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    tag: TagOption = None,
    params: ParamsOption = None,
    detach: DetachOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """The whole method at every combination of N, R and the labeler's epoch."""
    given = {
        "dataset": dataset,
        "source_dataset": source_dataset,
        "protocol": protocol,
        "labeler": labeler,
        "n": n or None,
        "ratio": ratio or None,
        "epochs": epoch or None,
        "evaluation": _evaluation(
            arms=arm,
            architectures=architecture,
            trials=trials,
            recipe=recipe,
            epochs=epochs,
            views=views,
            view_weight=view_weight,
            reduction=reduction,
            precision=precision,
            seed=seed,
        ),
    }
    _start(context, JobKind.SWEEP, given, params, set_, tag, detach, yes, as_json)


def _evaluation(
    *,
    arms: list[str] | None,
    architectures: list[str] | None,
    trials: int | None,
    recipe: str | None,
    epochs: int | None,
    views: str | None,
    view_weight: float | None,
    reduction: str | None,
    precision: str | None,
    seed: int | None,
) -> dict[str, Any]:
    return {
        "arms": arms or None,
        "architectures": architectures or None,
        "trials": trials,
        "recipe": recipe,
        "overrides": {
            "epochs": epochs,
            "views": views,
            "view_weight": view_weight,
            "reduction": reduction,
            "precision": precision,
        },
        "seed": seed,
    }


def _start(
    context: typer.Context,
    kind: JobKind,
    given: dict[str, Any],
    params: typer.FileText | None,
    assignments: list[str] | None,
    tags: list[str] | None,
    detach: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Start a job of `params`, over which what was given by flags stands, over which the assignments stand."""
    sent = assigned(merged(object_of(params), without_missing(given)), assignments)
    session: Session = context.obj
    assert context.parent is not None
    told = without_missing(context.parent.params)
    if "deadline" in told:
        told["deadline"] = told["deadline"].astimezone()
    request = JOB_REQUEST.validate_python({"kind": kind, "params": sent, "tags": tags_of(tags), **told})
    session.start(request, detach, yes, as_json=as_json)
