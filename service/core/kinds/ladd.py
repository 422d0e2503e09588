"""`ladd`: the whole method: train or reuse a labeler, write dense labels, evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api_schemas.cost import CostName
from api_schemas.datasets import ChannelStatistics, DatasetStats
from api_schemas.jobs import JobKind, LaddParams, LaddRequest
from api_schemas.labelers import LabelerRecipe
from method.architectures import forward_flops
from method.labeler import HELD_OUT
from service.core.catalogue.manifests import DatasetManifest, shape_of
from service.core.clients import Core
from service.core.kinds.chosen_labelers import ChosenLabeler, choose_epochs, choose_existing, chooses
from service.core.kinds.controls import own_arms, plan_controls
from service.core.kinds.evaluate import resolve, shown
from service.core.kinds.evaluated_set import augmented, evaluated, statistics_of
from service.core.kinds.generate_labels import check_packing, held_out_sets, plan_labelling, resolved_epoch
from service.core.kinds.kind import Kind
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
    errors.raise_if_any()
    statistics = statistics_of(dataset, source)
    chosen = choose_labeler(core, errors, params, dataset, source, statistics)

    training = [task.name for task in chosen.training]
    labelling = plan_labelling(dataset.id, dataset.measured, chosen.labelers, params, statistics, training)
    tasks = [*chosen.training, labelling]
    evaluation, controls = None, None
    if params.evaluation is not None:
        evaluation = resolve(errors, "evaluation.", params.evaluation, params.protocol, source)
        arms = own_arms(evaluation)
        labelled = augmented(evaluated(dataset, source, arms), labelling, arms, chosen.labelers)

        def label(made: str, stats: DatasetStats, after: Sequence[str]) -> TaskPlan:
            return plan_labelling(made, stats, chosen.labelers, params, statistics, [*training, *after], "random")

        controls = plan_controls(errors, "evaluation.", evaluation, dataset, source, label)
        tasks += controls.tasks
        tasks += plan_trials(errors, "evaluation.", evaluation, [labelled, *controls.sets], source)
    errors.raise_if_any()

    resolved = {
        "dataset": dataset.id,
        "source_dataset": source.id,
        "protocol": params.protocol,
        "labeler": chosen.shown,
        "epoch": resolved_epoch(params.epoch, chosen.labelers),
        "temperature": params.temperature,
        "views": params.views.model_dump(),
        "encoding": params.encoding,
        "images": params.images,
        "formats": params.formats,
        "reuse": params.reuse,
        "evaluation": evaluation and shown(evaluation),
    }
    explained = evaluation.explained_images if evaluation else 0
    names = [labeler.id for labeler in chosen.labelers]
    took = dataset.metadata.distillation_flops
    distillation = None if took is None else {"flops": took, "sets": [labelling.makes]}
    tested = source.measured.splits["val"]
    report = plan_report(JobKind.LADD, resolved, tasks, names, source.id, tested, explained, distillation=distillation)
    reads = dict.fromkeys([dataset.id, source.id, *held_out_sets(chosen.labelers, params)])
    reads |= dict.fromkeys(controls.reads if controls else [])
    return Plan(params=resolved, tasks=[*tasks, report], reads=list(reads), notes=errors.notes)


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
    statistics: ChannelStatistics,
) -> Chosen:
    """Return the outcome of `labeler`, `epoch` and `temperature` of a request; their faults are noted."""
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
    training = plan_training(errors, "labeler.", recipe, source, statistics)
    labeler = ChosenLabeler(
        id=training.labeler_id,
        network=training.architecture,
        forward_flops=forward_flops(training.architecture, shape_of(source.measured)),
        epochs=choose_epochs(errors, params.epoch, training.recipe.checkpoint_epochs or []),
        source_dataset=source.id,
    )
    exists = core.catalogue.labeler(labeler.id) is not None
    return Chosen([labeler], training.recipe.model_dump(mode="json"), [] if exists else [training.task])


KIND = Kind(JobKind.LADD, plan, LaddRequest, [CostName.LABELLING, CostName.LABELER_TRAINING])
