"""`sweep`: the whole method at every combination of view grids and labeler checkpoints, each compared with the rest."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from api_schemas.cost import CostName
from api_schemas.jobs import JobKind, LaddParams, SweepParams, SweepRequest, Views
from api_schemas.labelers import LabelerRecipe
from method.arms import ARMS
from method.views import PROGRESSIVE
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.controls import own_arms, plan_controls
from service.core.kinds.evaluate import resolve, shown
from service.core.kinds.evaluated_set import augmented, evaluated, real_normalization_of
from service.core.kinds.generate_labels import check_packing, plan_labelling
from service.core.kinds.kind import Kind
from service.core.kinds.ladd import Chosen, choose_labeler
from service.core.kinds.normalizations import RealNormalization, check_published
from service.core.kinds.preparations import labelled_here, prepared
from service.core.kinds.report import plan_report
from service.core.kinds.trials import plan_trials
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, TaskPlan

MOST_POINTS = 64
"""Of one sweep: each makes a label-augmented set of its own."""


def plan(core: Core, params: SweepParams) -> Plan:
    """Plan one labeler, one label-augmented set for each point, and the evaluation of all of them.

    Arms that need no labeler are trained once, on the plain set.
    """
    errors = ValidationErrors(core.catalogue)
    dataset, source = errors.set_and_source(params.dataset, params.source_dataset)
    check_packing(errors, params, dataset)
    _check_size(errors, params)
    rule = params.evaluation.test_normalization
    check_published(errors, "evaluation.", dataset, source, rule)
    errors.raise_if_any()
    real = real_normalization_of(dataset, source, rule)
    evaluation = resolve(errors, "evaluation.", params.evaluation, params.protocol, source)
    if evaluation.overrides.views == PROGRESSIVE:
        message = "progressive views decide within one set: a sweep needs full, pool or sampled:K"
        errors.add("evaluation.overrides.views", "one_policy", "progressive", message)

    epochs: Sequence[int | None] = params.epochs or [None]
    asked = {epoch: _ladd_params(params, epoch) for epoch in epochs}
    chosen = {epoch: choose_labeler(core, errors, each, dataset, source, real) for epoch, each in asked.items()}
    first = next(iter(chosen.values()))
    points = []
    for n, ratio, epoch in product(params.n, params.ratio, epochs):
        at = asked[epoch].model_copy(update={"views": Views(n=n, ratio=ratio)})
        points.append(_plan_point(dataset, chosen[epoch], at, real))
    arms = [arm for arm in own_arms(evaluation) if not ARMS[arm].asks_labeler]
    for arm in evaluation.arms:
        if ARMS[arm].asks_labeler:
            message = f"arm {arm} is one of ladd and evaluate jobs"
            errors.add("evaluation.arms", "arm_has_labeler", arm, message)
    of_labels = [arm for arm in arms if ARMS[arm].needs_views or ARMS[arm].label_files]
    unlabelled = [arm for arm in arms if arm not in of_labels]
    plain = replace(evaluated(dataset, source, unlabelled, rule), views=None, full_labels=False)
    controls = plan_controls(errors, "evaluation.", evaluation, dataset, source)
    sets = [plain, *controls.sets, *(augmented(plain, [point], of_labels) for point in points)]
    trials = plan_trials(errors, "evaluation.", evaluation, sets, source, params.reuse)
    errors.raise_if_any()

    tasks = [*first.training, *points, *controls.tasks, *trials]
    resolved = params.model_dump(mode="json") | {
        "source_dataset": source.id,
        "labeler": first.shown,
        "epochs": [found.labelers[0].epochs[0] for found in chosen.values()],
        "evaluation": shown(evaluation),
    }
    labelers = [labeler.id for labeler in first.labelers]
    tested, explained = source.measured.splits["val"], evaluation.explained_images
    shown_points = [_shown(point) for point in points]
    preparations = [*labelled_here(dataset, points), *prepared(core, [dataset, *controls.plus_sets])]
    report = plan_report(
        JobKind.SWEEP, resolved, tasks, labelers, source.id, tested, explained, shown_points, preparations
    )
    reads = [dataset.id, source.id, *controls.reads]
    return Plan(params=resolved, tasks=[*tasks, report], reads=reads, notes=errors.notes)


def _plan_point(dataset: DatasetManifest, chosen: Chosen, params: LaddParams, real: RealNormalization) -> TaskPlan:
    after = [task.name for task in chosen.training]
    point = f"n{params.views.n}-r{params.views.ratio:g}-e{chosen.labelers[0].epochs[0]}"
    return plan_labelling(dataset.id, dataset.measured, chosen.labelers, params, real, after, point)


def _shown(point: TaskPlan) -> dict[str, Any]:
    """Return a point as the report must know it."""
    [labeler] = point.params["labelers"]
    return {"task": point.name, "dataset": point.makes, **point.params["views"], "epoch": labeler["epochs"][0]}


def _ladd_params(params: SweepParams, epoch: int | None) -> LaddParams:
    """Return the params of a `ladd` job that labels at this epoch; the labeler keeps all epochs of the sweep."""
    labeler = params.labeler
    if isinstance(labeler, LabelerRecipe) and params.epochs:
        kept = sorted({*(labeler.checkpoint_epochs or []), *params.epochs})
        labeler = labeler.model_copy(update={"checkpoint_epochs": kept})
    return LaddParams(
        dataset=params.dataset,
        labeler=labeler,
        epoch=epoch,
        encoding=params.encoding,
        images=params.images,
        formats=params.formats,
        reuse=params.reuse,
    )


def _check_size(errors: ValidationErrors, params: SweepParams) -> None:
    errors.distinct("n", params.n)
    errors.distinct("ratio", params.ratio)
    errors.distinct("epochs", params.epochs or [])
    points = len(params.n) * len(params.ratio) * max(1, len(params.epochs or []))
    if points > MOST_POINTS:
        message = f"{points} combinations of n, ratio and epochs, but a sweep has at most {MOST_POINTS}"
        errors.add("n", "within_points", points, message)


KIND = Kind(JobKind.SWEEP, plan, SweepRequest, [CostName.LABELLING, CostName.LABELER_TRAINING])
