"""`ladd`: the whole method: train or reuse a labeler, write dense labels, evaluate."""

from dataclasses import dataclass

from api_schemas.datasets import ChannelStatistics, DatasetRole
from api_schemas.jobs import JobKind, LaddParams
from api_schemas.labelers import Architecture, LabelerRecipe
from service.core.catalogue import DatasetManifest
from service.core.core import Core
from service.core.kinds.evaluate import resolve, shown, statistics_of, test_images
from service.core.kinds.findings import Findings
from service.core.kinds.generate_labels import check_packing, choose_epoch, plan_labelling
from service.core.kinds.report import plan_report
from service.core.kinds.train_labeler import plan_training
from service.core.kinds.trials import EvaluatedSet, plan_trials
from service.core.plan import Plan, TaskPlan


def plan(core: Core, params: LaddParams) -> Plan:
    """Plan labeler, labels, evaluations and report; a labeler that is in the catalogue is not trained."""
    findings = Findings(core.catalogue)
    dataset = findings.dataset("dataset", params.dataset, DatasetRole.DISTILLED)
    findings.raise_if_any()
    assert dataset is not None
    source = findings.source_of("source_dataset", params.source_dataset, [dataset])
    findings.raise_if_any()
    assert source is not None
    findings.same_shape("source_dataset", dataset, source)
    check_packing(findings, params, dataset)
    findings.raise_if_any()
    statistics = statistics_of(dataset, source)
    chosen = _choose_labeler(core, findings, params, dataset, source, statistics)

    labelling = plan_labelling(
        dataset,
        chosen.id,
        chosen.architecture,
        chosen.epoch,
        params.views,
        params,
        statistics,
        after=[task.name for task in chosen.training],
    )
    tasks = [*chosen.training, labelling]
    evaluation = None
    if params.evaluation is not None:
        evaluation = resolve(findings, "evaluation.", params.evaluation, source)
        augmented = EvaluatedSet(
            id=labelling.makes or "",
            stats=dataset.measured,
            statistics=statistics,
            learned_lr=dataset.measured.learned_lr,
            views=params.views.n**2,
            full_labels=True,
        )
        tasks += plan_trials(findings, "evaluation.", evaluation, [augmented], source, after=[labelling.name])
    findings.raise_if_any()

    resolved = {
        "dataset": dataset.id,
        "source_dataset": source.id,
        "labeler": chosen.id if chosen.recipe is None else chosen.recipe.model_dump(mode="json"),
        "epoch": chosen.epoch,
        "views": params.views.model_dump(),
        "encoding": params.encoding,
        "images": params.images,
        "formats": params.formats,
        "evaluation": evaluation and shown(evaluation),
    }
    explained = evaluation.explained_images if evaluation else 0
    report = plan_report(JobKind.LADD, resolved, tasks, chosen.id, source.id, test_images(source), explained)
    return Plan(params=resolved, tasks=[*tasks, report], reads=[dataset.id, source.id])


@dataclass(frozen=True)
class _ChosenLabeler:
    id: str
    architecture: Architecture
    epoch: int
    recipe: LabelerRecipe | None
    """The resolved recipe when one was asked for, None when a labeler was named."""
    training: list[TaskPlan]
    """The task that trains it, unless it exists."""


def _choose_labeler(
    core: Core,
    findings: Findings,
    params: LaddParams,
    dataset: DatasetManifest,
    source: DatasetManifest,
    statistics: ChannelStatistics,
) -> _ChosenLabeler:
    if isinstance(params.labeler, LabelerRecipe):
        training = plan_training(findings, "labeler.", params.labeler, source, statistics)
        epoch = choose_epoch(findings, "epoch", params.epoch, training.recipe.checkpoint_epochs or [])
        exists = core.catalogue.labeler(training.labeler_id) is not None
        recipe, tasks = training.recipe, [] if exists else [training.task]
        return _ChosenLabeler(training.labeler_id, training.architecture, epoch, recipe, tasks)
    labeler = findings.labeler("labeler", params.labeler)
    findings.raise_if_any()
    assert labeler is not None
    findings.same_shape("labeler", dataset, labeler)
    epoch = choose_epoch(findings, "epoch", params.epoch, labeler.kept_epochs)
    return _ChosenLabeler(labeler.id, labeler.architecture, epoch, None, [])
