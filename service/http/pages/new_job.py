"""A form for each kind of job, what it will cost, and the same call as curl, Python and command line."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.base import DatasetId, JobId
from api_schemas.datasets import DatasetRole, DatasetState
from api_schemas.jobs import EvaluateParams, GenerateLabelsParams, LaddParams, SweepParams, TrainLabelerParams
from api_schemas.links import link
from service.core.clients import Core
from service.core.foundation.listing import EVERYTHING
from service.core.resources import datasets, jobs, labelers, presets
from service.http.dependencies import CoreDep
from service.http.pages.schema_fields import FormField, fields_of
from service.http.pages.site import page, pages

Kind = Literal["ladd", "evaluate", "generate_labels", "train_labeler", "sweep"]
PARAMS: dict[str, type[BaseModel]] = {
    "ladd": LaddParams,
    "evaluate": EvaluateParams,
    "generate_labels": GenerateLabelsParams,
    "train_labeler": TrainLabelerParams,
    "sweep": SweepParams,
}
FIRST = {
    "protocol": "Defaults of",
    "views.n": "Views along an axis (N)",
    "views.ratio": "Part of an axis that a view covers (R)",
    "evaluation.arms": "Arms",
    "arms": "Arms",
    "evaluation.architectures": "Networks to train",
    "architectures": "Networks to train",
    "evaluation.trials": "Trials of each",
    "trials": "Trials of each",
    "evaluation.overrides.epochs": "Epochs of a training",
    "overrides.epochs": "Epochs of a training",
    "evaluation.overrides.views": "Views in a step (full, sampled:K, pool)",
    "overrides.views": "Views in a step (full, sampled:K, pool)",
    "epoch": "Labeler's epoch",
    "architecture": "Network",
    "epochs": "Epochs",
    "lr": "Learning rate",
}
"""{path: name} of the fields that are seen at once, in this order; the others are behind "More settings"."""
SETS = frozenset({"dataset", "source_dataset", "labeler"})
"""Asked for by name, in lists of their own."""
CHOICES = 100
READY = EVERYTHING.also([DatasetState.READY])

router = pages("/new")


@router.get("")
def choose() -> Response:
    """Go to the form that most visitors want."""
    return RedirectResponse(link("/new/ladd"), status_code=307)


@router.get("/{kind}")
def show_form(
    request: Request,
    core: CoreDep,
    kind: Kind,
    dataset: DatasetId | None = None,
    preset: Annotated[str | None, Query(max_length=64)] = None,
    again: JobId | None = None,
) -> Response:
    """Show the form, filled in from a preset, an earlier job, or with a set alone."""
    fields = fields_of(PARAMS[kind], SETS)
    body = {"kind": kind, **_filled_in(core, kind, dataset, preset, again)}
    return page(
        request,
        "new.html",
        kind=kind,
        kinds=list(PARAMS),
        body=body,
        named=body["params"].get("dataset"),
        first=[field._replace(label=FIRST[field.path]) for field in _in_order(fields)],
        groups=_groups([field for field in fields if field.path not in FIRST]),
        sets=datasets.page(core, READY.also(role=DatasetRole.DISTILLED), limit=CHOICES).items,
        sources=datasets.page(core, READY.also(role=DatasetRole.SOURCE), limit=CHOICES).items,
        labelers=labelers.page(core, limit=CHOICES).items if kind == "generate_labels" else [],
        presets=[each for each in presets.presets().items if each.kind == kind],
        dataset=dataset,
        chosen=preset,
    )


def _filled_in(core: Core, kind: Kind, dataset: str | None, preset: str | None, again: str | None) -> dict[str, Any]:
    """Return `params`, and the tags of a preset."""
    if again is not None:
        job = jobs.view(core, again)
        return {"params": {name: value for name, value in job.params.items() if value is not None}}
    if preset and dataset:
        body = presets.expand(core, preset, dataset)
        return {"params": body.params, "tags": body.tags}
    if kind == "ladd":
        return {"params": {"dataset": dataset, "protocol": "quick"}}
    return {"params": {"dataset": dataset} if dataset else {}}


def _in_order(fields: list[FormField]) -> list[FormField]:
    order = list(FIRST)
    return sorted((field for field in fields if field.path in FIRST), key=lambda field: order.index(field.path))


def _groups(fields: list[FormField]) -> dict[str, list[FormField]]:
    """Return the fields by the object that they are in."""
    groups: dict[str, list[FormField]] = {}
    for field in fields:
        groups.setdefault(field.path.rpartition(".")[0], []).append(field)
    return groups
