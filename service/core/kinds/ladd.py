"""`ladd`: the whole method: train or reuse a labeler, write dense labels, evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from api_schemas.cost import CostName
from api_schemas.datasets import DatasetStats
from api_schemas.jobs import JobKind, LaddParams, LaddRequest
from api_schemas.labelers import LabelerRecipe
from method.architectures import forward_flops
from method.labeler import HELD_OUT
from method.normalizations import CARRIED
from service.core.catalogue.manifests import DatasetManifest, shape_of
from service.core.clients import Core
from service.core.kinds.chosen_labelers import ChosenLabeler, choose_epochs, choose_existing, chooses
from service.core.kinds.controls import Controls, own_arms, plan_controls
from service.core.kinds.evaluate import resolve, shown
from service.core.kinds.evaluated_set import augmented, evaluated, real_normalization_of
from service.core.kinds.generate_labels import check_packing, held_out_sets, plan_labelling, resolved_epoch
from service.core.kinds.kind import Kind
from service.core.kinds.normalizations import RealNormalization, check_published
from service.core.kinds.preparations import labelled_here, prepared
from service.core.kinds.report import plan_report
from service.core.kinds.train_labeler import plan_training
from service.core.kinds.trials import plan_trials
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, TaskPlan


def plan(core: Core, params: LaddParams) -> Plan:
    """Plan labeler, labels, evaluations and report; a labeler that is in the catalogue is not trained."""
    errors = ValidationErrors(core.catalogue)
    dataset, source = errors.set_and_source(params.dataset, params.source_dataset)
    check_packing(errors, params, dataset)
    rule = CARRIED if params.evaluation is None else params.evaluation.test_normalization
    check_published(errors, "evaluation.", dataset, source, rule)
    errors.raise_if_any()
    real = real_normalization_of(dataset, source, rule)
    _check_seeds(errors, params)
    chosen = [choose_labeler(core, errors, params, dataset, source, real)]
    for number in range(1, params.labeler_seeds):
        # Their faults are those of the first.
        apart = ValidationErrors(core.catalogue)
        chosen.append(choose_labeler(core, apart, _of_seed(params, number), dataset, source, real, number))
    labelers = [labeler for each in chosen for labeler in each.labelers]

    def label(made: str, stats: DatasetStats, after: Sequence[str], point: str = "random") -> list[TaskPlan]:
        plans = []
        for number, each in enumerate(chosen):
            named = "-".join(part for part in (point, f"seed{number}" if number else "") if part)
            before = [*(task.name for task in each.training), *after]
            plans.append(plan_labelling(made, stats, each.labelers, params, real, before, named))
        return plans

    labellings = label(dataset.id, dataset.measured, [], "")
    tasks = [*(task for each in chosen for task in each.training), *labellings]
    evaluation, controls = None, Controls(tasks=[], sets=[])
    if params.evaluation is not None:
        evaluation = resolve(errors, "evaluation.", params.evaluation, params.protocol, source)
        arms = own_arms(evaluation)
        labelled = augmented(
            evaluated(dataset, source, arms, rule), labellings, arms, [each.labelers for each in chosen]
        )
        controls = plan_controls(errors, "evaluation.", evaluation, dataset, source, label)
        tasks += controls.tasks
        tasks += plan_trials(errors, "evaluation.", evaluation, [labelled, *controls.sets], source, params.reuse)
    errors.raise_if_any()

    resolved = {
        "dataset": dataset.id,
        "source_dataset": source.id,
        "protocol": params.protocol,
        "labeler": chosen[0].shown,
        "labeler_seeds": params.labeler_seeds,
        "epoch": resolved_epoch(params.epoch, labelers),
        "temperature": params.temperature,
        "views": params.views.model_dump(),
        "encoding": params.encoding,
        "images": params.images,
        "formats": params.formats,
        "reuse": params.reuse,
        "evaluation": evaluation and shown(evaluation),
    }
    explained = evaluation.explained_images if evaluation else 0
    names = [labeler.id for labeler in labelers]
    tested = source.measured.splits["val"]
    report = plan_report(
        JobKind.LADD,
        resolved,
        tasks,
        names,
        source.id,
        tested,
        explained,
        preparations=[*labelled_here(dataset, [labellings[0]]), *prepared(core, controls.plus_sets)],
        plus=controls.plus,
    )
    reads = dict.fromkeys([dataset.id, source.id, *held_out_sets(labelers, params)])
    reads |= dict.fromkeys(controls.reads)
    return Plan(params=resolved, tasks=[*tasks, report], reads=list(reads), notes=errors.notes)


def _check_seeds(errors: ValidationErrors, params: LaddParams) -> None:
    """Require that labelers of several seeds are trained, and that each has a trial."""
    seeds, trials = params.labeler_seeds, params.evaluation.trials if params.evaluation else 0
    if seeds > 1 and not isinstance(params.labeler, LabelerRecipe):
        message = "labelers of several seeds are trained by a recipe; labeler names one that is there"
        errors.add("labeler_seeds", "labeler_is_trained", seeds, message)
    elif seeds > 1 and trials < seeds:
        message = f"each of {seeds} labelers labels for a trial of its own; there are {trials} trials"
        errors.add("labeler_seeds", "within_trials", seeds, message)


def _of_seed(params: LaddParams, number: int) -> LaddParams:
    """Return the params with the labeler so many seeds on."""
    if not isinstance(params.labeler, LabelerRecipe):
        return params
    seed = (params.labeler.seed + number) % 2**31
    return params.model_copy(update={"labeler": params.labeler.model_copy(update={"seed": seed})})


@dataclass(frozen=True)
class Chosen:
    """The labelers of a job, and what must be done before they are there."""

    labelers: list[ChosenLabeler]
    shown: Any
    """The field `labeler` with its defaults resolved."""
    training: list[TaskPlan]
    """The task that trains the labeler, unless it exists."""


def choose_labeler(
    core: Core,
    errors: ValidationErrors,
    params: LaddParams,
    dataset: DatasetManifest,
    source: DatasetManifest,
    real: RealNormalization,
    number: int = 0,
) -> Chosen:
    """Return the outcome of `labeler`, `epoch` and `temperature` of a request; their faults are noted.

    `number` tells the training of one seed apart from those of others, the first is 0.
    """
    recipe = params.labeler
    if not isinstance(recipe, LabelerRecipe):
        labelers = choose_existing(errors, recipe, params.epoch, params.temperature, dataset)
        errors.raise_if_any()
        return Chosen(labelers, params.model_dump(mode="json")["labeler"], [])
    if chooses(params.epoch, params.temperature):
        if recipe.held_out == 0:
            message = "held_out is 0: nothing is left to choose epoch or temperature by"
            errors.add("labeler.held_out", "labeler_held_out", 0, message)
        recipe = recipe.model_copy(update={"held_out": recipe.held_out or HELD_OUT})
    training = plan_training(errors, "labeler.", recipe, source, real.statistics)
    labeler = ChosenLabeler(
        id=training.labeler_id,
        network=training.architecture,
        forward_flops=forward_flops(training.architecture, shape_of(source.measured)),
        epochs=choose_epochs(errors, params.epoch, training.recipe.checkpoint_epochs or []),
        source_dataset=source.id,
    )
    exists = core.catalogue.labeler(labeler.id) is not None
    task = replace(training.task, name=f"{training.task.name}:seed{number}") if number else training.task
    return Chosen([labeler], training.recipe.model_dump(mode="json"), [] if exists else [task])


KIND = Kind(JobKind.LADD, plan, LaddRequest, [CostName.LABELLING, CostName.LABELER_TRAINING])
