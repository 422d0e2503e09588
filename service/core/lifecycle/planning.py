"""From the request of a job to what is recorded: its plan, or the datasets that must be ready before it has one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api_schemas.base import MAX_NAME
from api_schemas.jobs import Start
from service.core.clients import Core
from service.core.kinds import KINDS
from service.core.kinds.train_labeler import canonical
from service.core.kinds.validation_errors import DatasetsAwaitedError
from service.core.lifecycle import rates
from service.core.lifecycle.presets import differences
from service.core.lifecycle.submission import Submission, task_fields
from service.core.queue.plan import Plan

DATASET_ID = re.compile(r"\bds_[0-9a-z]{26}\b")


def planned(core: Core, request: Start[Any, Any]) -> Plan:
    """Return the plan of a request, the time of its tasks predicted.

    Trainings get the rates that are known now: all of a job decide by the same whether to compile. To its notes comes
    in what it is not the preset that its tag names. Raises ServiceError INVALID_REQUEST or DATASET_NOT_READY with
    reasons naming `body.params.<field>`, and of these DatasetsAwaitedError where it is only too early.
    """
    plan = KINDS[request.kind].plan(core, request.params)
    costs_now = [task.cost for task in plan.tasks]
    tasks = [
        replace(task, cost=cost, params={**task.params, "rates": measured} if "alike" in task.params else task.params)
        for task, cost, measured in zip(
            plan.tasks, rates.timed(core, costs_now), rates.uncompiled(core, costs_now), strict=True
        )
    ]
    return replace(plan, tasks=tasks, notes=[*plan.notes, *differences(core, request.tags, plan.params)])


def submission_of(core: Core, request: Start[Any, Any]) -> Submission:
    """Return the job of a request: with its tasks, or without where it awaits datasets. Raises as `planned` does."""
    try:
        plan = planned(core, request)
    except DatasetsAwaitedError as awaited:
        sent = as_sent(request)
        reads = _datasets_named(core, sent["params"])
        found = Submission(request.kind, sent["params"], request.tags, {}, reads, awaits=awaited.datasets, request=sent)
    else:
        tasks = {task.name: task_fields(task) for task in plan.tasks}
        found = Submission(request.kind, plan.params, request.tags, tasks, plan.reads, notes=plan.notes)
    return replace(
        found,
        name=request.name or _default_name(core, request.kind, found.params),
        priority=request.priority,
        deadline=None if request.deadline is None else round(request.deadline.timestamp() * 1000),
    )


def as_sent(request: Start[Any, Any]) -> dict[str, Any]:
    """Return a request without defaults: some follow from what a set turns out to be."""
    return request.model_dump(mode="json", exclude_unset=True) | {"kind": request.kind}


def awaiting(datasets: Sequence[str]) -> str:
    """Say for what a job waits that awaits datasets."""
    verb, these = ("is", "it is") if len(datasets) == 1 else ("are", "they are")
    return f"{', '.join(datasets)} {verb} validated still: the job is planned when {these} ready"


def _default_name(core: Core, kind: str, params: Mapping[str, Any]) -> str:
    """Return the kind of a job and the name of the set that it is about, the first of several."""
    several = params.get("datasets") or [None]
    about = params.get("dataset") or several[0] or params.get("source_dataset")
    dataset = core.catalogue.dataset(about) if isinstance(about, str) else None
    return kind if dataset is None else f"{kind}: {dataset.name}"[:MAX_NAME]


def _datasets_named(core: Core, params: dict[str, Any]) -> list[str]:
    """Return the datasets that params name, which are to stay until the job is planned."""
    named = dict.fromkeys(DATASET_ID.findall(canonical(params)))
    return [dataset_id for dataset_id in named if core.catalogue.dataset(dataset_id) is not None]
