"""`evaluate`: train architectures from scratch on distilled sets and test them on the source set's val split."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api_schemas.arms import ArmName
from api_schemas.cost import CostName
from api_schemas.datasets import DatasetRole
from api_schemas.evaluation import EvaluationSpec
from api_schemas.jobs import EvaluateParams, EvaluateRequest, JobKind
from method.architectures import ARCHITECTURES, fitting
from method.arms import ARMS
from method.precisions import PUBLISHED
from method.protocols import PROTOCOLS
from method.seed_rules import SEED_RULE
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.chosen_labelers import labeler_of
from service.core.kinds.controls import Controls, own_arms, plan_controls
from service.core.kinds.evaluated_set import evaluated
from service.core.kinds.kind import Kind
from service.core.kinds.normalizations import check_published
from service.core.kinds.preparations import prepared
from service.core.kinds.report import plan_report
from service.core.kinds.trials import epochs_of, plan_trials
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan


def plan(core: Core, params: EvaluateParams) -> Plan:
    """Plan one task for each set, arm, architecture and trial, and the report."""
    errors = ValidationErrors(core.catalogue)
    named = [params.dataset] if params.dataset is not None else params.datasets or []
    field = "dataset" if params.dataset is not None else "datasets"
    errors.distinct(field, named)
    found = [errors.dataset(field, dataset_id, DatasetRole.DISTILLED) for dataset_id in named]
    manifests = [manifest for manifest in found if manifest is not None]
    errors.raise_if_any()
    source = errors.sure(errors.source_of("source_dataset", params.source_dataset, manifests))
    for manifest in manifests:
        errors.same_shape(field, manifest, source)
        check_published(errors, "", manifest, source, params.test_normalization)
    errors.raise_if_any()
    asked = resolve(errors, "", params, params.protocol, source)
    arms = {manifest.id: _arms_of(errors, asked, manifest) for manifest in manifests}
    borne = [arm for arm in asked.arms if ARMS[arm].images != "own" or any(arm in each for each in arms.values())]
    spec = asked.model_copy(update={"arms": borne})
    sets = [
        replace(
            evaluated(manifest, source, arms[manifest.id], spec.test_normalization),
            labeler=labeler_of(core.catalogue, manifest),
        )
        for manifest in manifests
    ]
    controls = _controls(errors, spec, manifests, source)
    trials = plan_trials(errors, "", spec, [*sets, *controls.sets], source, params.reuse)
    tasks = [*controls.tasks, *trials]
    errors.raise_if_any()
    resolved = {
        "dataset": params.dataset,
        "datasets": params.datasets,
        "source_dataset": source.id,
        "protocol": params.protocol,
        "reuse": params.reuse,
        **shown(spec),
    }
    tested = source.measured.splits["val"]
    preparations = prepared(core, [*manifests, *controls.plus_sets])
    report = plan_report(
        JobKind.EVALUATE, resolved, tasks, [], source.id, tested, spec.explained_images, preparations=preparations
    )
    return Plan(params=resolved, tasks=[*tasks, report], reads=[*named, *controls.reads, source.id], notes=errors.notes)


def _arms_of(errors: ValidationErrors, spec: EvaluationSpec, manifest: DatasetManifest) -> list[ArmName]:
    """Return the arms that a set is trained on: of the default ones those that it has labels for."""
    arms = own_arms(spec)
    if "arms" in spec.model_fields_set or manifest.augmentation is not None:
        return arms
    borne = [arm for arm in arms if not ARMS[arm].views]
    for arm in sorted(set(arms) - set(borne)):
        errors.notes.append(f"arms: {manifest.id} has no dense labels: the default arm {arm} is left out of its own")
    return borne


def _controls(
    errors: ValidationErrors, spec: EvaluationSpec, manifests: Sequence[DatasetManifest], source: DatasetManifest
) -> Controls:
    """Plan the control arms of the one set that is evaluated."""
    if len(manifests) == 1:
        return plan_controls(errors, "", spec, manifests[0], source)
    for arm in spec.arms:
        if ARMS[arm].images != "own":
            message = f"arm {arm} is a control of one set; {len(manifests)} are named"
            errors.add("arms", "arm_of_one_set", arm, message)
    return Controls(tasks=[], sets=[])


def shown(spec: EvaluationSpec) -> dict[str, Any]:
    """Return an evaluation as the job's params show it: the recipe decides all that is not overridden."""
    fields = set(EvaluationSpec.model_fields)
    return spec.model_dump(mode="json", include=fields) | {
        "overrides": spec.overrides.model_dump(mode="json", exclude_none=True)
    }


def resolve(
    errors: ValidationErrors, path: str, spec: EvaluationSpec, protocol: str, source: DatasetManifest
) -> EvaluationSpec:
    """Fill in the protocol's architectures and check what does not depend on a single set.

    Those that the images do not fit are left out, and a note says so.
    """
    shape = source.measured.image_shape
    channels, size, _ = shape
    architectures = spec.architectures
    if architectures is None:
        architectures, misfits = fitting(PROTOCOLS[protocol].architectures(size), size, channels)
        errors.notes += [f"{path}architectures: {misfit}; it is left out of the default ones" for misfit in misfits]
    errors.distinct(f"{path}arms", spec.arms)
    errors.distinct(f"{path}architectures", architectures)
    for architecture in architectures:
        errors.fits(f"{path}architectures", architecture, shape)
    overrides = spec.overrides
    if isinstance(overrides.lr, dict):
        for architecture in sorted(set(overrides.lr) - set(architectures)):
            message = f"overrides.lr names {architecture}, which is not among the architectures"
            errors.add(f"{path}overrides.lr", "is_evaluated", architecture, message)
    if overrides.augmentation is not None:
        errors.strategy(f"{path}overrides.augmentation", overrides.augmentation)
    if overrides.micro_batch is not None:
        for architecture in architectures:
            if ARCHITECTURES[architecture].batch_norm:
                message = f"overrides.micro_batch cuts steps, over which {architecture} normalises: leave it out"
                errors.add(f"{path}overrides.micro_batch", "steps_stay_whole", overrides.micro_batch, message)
    epochs = epochs_of(spec)
    errors.distinct(f"{path}curve_epochs", spec.curve_epochs)
    for fewer in spec.curve_epochs:
        if fewer >= epochs:
            message = f"curve_epochs holds {fewer}, but must be below the {epochs} epochs of the evaluation"
            errors.add(f"{path}curve_epochs", "below_epochs", fewer, message)
    if overrides.warmup_epochs is not None and overrides.warmup_epochs > epochs:
        message = f"overrides.warmup_epochs is {overrides.warmup_epochs}, but there are {epochs} epochs"
        errors.add(f"{path}overrides.warmup_epochs", "within_epochs", overrides.warmup_epochs, message)
    # Named in the job: what it is computed in, and from which random numbers, is not a later version's default.
    named = {"precision": overrides.precision or PUBLISHED, "seed_rule": overrides.seed_rule or SEED_RULE}
    overrides = overrides.model_copy(update=named)
    return spec.model_copy(update={"architectures": architectures, "overrides": overrides})


KIND = Kind(JobKind.EVALUATE, plan, EvaluateRequest, [CostName.DEPLOYMENT])
