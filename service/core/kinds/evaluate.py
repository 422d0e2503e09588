"""`evaluate`: train architectures from scratch on distilled sets and test them on the source set's val split."""

from collections.abc import Sequence
from typing import Any

from api_schemas.datasets import ChannelStatistics, DatasetRole
from api_schemas.evaluation import EvaluationSpec
from api_schemas.jobs import EvaluateParams, JobKind
from service.core.architectures import default_architectures
from service.core.catalogue import DatasetManifest
from service.core.core import Core
from service.core.kinds.arm_inputs import FULL_LABELS
from service.core.kinds.findings import Findings
from service.core.kinds.report import plan_report
from service.core.kinds.trials import EPOCHS, EvaluatedSet, plan_trials
from service.core.normalizations import training_statistics
from service.core.plan import Plan


def plan(core: Core, params: EvaluateParams) -> Plan:
    """Plan one task for each set, arm, architecture and trial, and the report."""
    findings = Findings(core.catalogue)
    named = [params.dataset] if params.dataset is not None else params.datasets or []
    field = "dataset" if params.dataset is not None else "datasets"
    distinct(findings, field, named)
    found = [findings.dataset(field, dataset_id, DatasetRole.DISTILLED) for dataset_id in named]
    manifests = [manifest for manifest in found if manifest is not None]
    findings.raise_if_any()
    source = findings.source_of("source_dataset", params.source_dataset, manifests)
    findings.raise_if_any()
    assert source is not None
    for manifest in manifests:
        findings.same_shape(field, manifest, source)
    findings.raise_if_any()
    spec = resolve(findings, "", params, source)
    tasks = plan_trials(findings, "", spec, [_evaluated(manifest, source) for manifest in manifests], source)
    findings.raise_if_any()
    resolved = {
        "dataset": params.dataset,
        "datasets": params.datasets,
        "source_dataset": source.id,
        **shown(spec),
    }
    report = plan_report(JobKind.EVALUATE, resolved, tasks, [], source.id, test_images(source), spec.explained_images)
    return Plan(params=resolved, tasks=[*tasks, report], reads=[*named, source.id])


def _evaluated(manifest: DatasetManifest, source: DatasetManifest) -> EvaluatedSet:
    augmentation = manifest.augmentation
    return EvaluatedSet(
        id=manifest.id,
        stats=manifest.measured,
        statistics=statistics_of(manifest, source),
        learned_lr=manifest.measured.learned_lr,
        views=None if augmentation is None else augmentation.n**2,
        full_labels=FULL_LABELS in manifest.blobs,
    )


def statistics_of(manifest: DatasetManifest, source: DatasetManifest) -> ChannelStatistics:
    """Return the normalization networks are trained with; a source set always has one."""
    statistics = training_statistics(manifest.measured.normalization, source.measured.normalization)
    if statistics is None:
        raise ValueError(f"source set {source.id} has no normalization")
    return statistics


def test_images(source: DatasetManifest) -> int:
    """Return how many images the evaluation tests on."""
    return source.measured.splits["val"]


def shown(spec: EvaluationSpec) -> dict[str, Any]:
    """Return an evaluation as the job's params show it: what is not overridden is left to the recipe."""
    fields = set(EvaluationSpec.model_fields)
    return spec.model_dump(mode="json", include=fields) | {
        "overrides": spec.overrides.model_dump(mode="json", exclude_none=True)
    }


def resolve(findings: Findings, path: str, spec: EvaluationSpec, source: DatasetManifest) -> EvaluationSpec:
    """Fill in the default architectures and check what does not depend on a single set."""
    shape = source.measured.image_shape
    architectures = spec.architectures or default_architectures(shape[1])
    distinct(findings, f"{path}arms", spec.arms)
    distinct(findings, f"{path}architectures", architectures)
    for architecture in architectures:
        findings.fits(f"{path}architectures", architecture, shape)
    overrides = spec.overrides
    if isinstance(overrides.lr, dict):
        for architecture in sorted(set(overrides.lr) - set(architectures)):
            message = f"overrides.lr names {architecture}, which is not among the architectures"
            findings.add(f"{path}overrides.lr", "is_evaluated", architecture, message)
    if overrides.augmentation is not None:
        findings.strategy(f"{path}overrides.augmentation", overrides.augmentation)
    epochs = overrides.epochs or EPOCHS
    if overrides.warmup_epochs is not None and overrides.warmup_epochs > epochs:
        message = f"overrides.warmup_epochs is {overrides.warmup_epochs}, but there are {epochs} epochs"
        findings.add(f"{path}overrides.warmup_epochs", "within_epochs", overrides.warmup_epochs, message)
    return spec.model_copy(update={"architectures": architectures})


def distinct(findings: Findings, field: str, values: Sequence[str]) -> None:
    """Require that no value is named twice."""
    for value in sorted({value for value in values if values.count(value) > 1}):
        findings.add(field, "distinct", value, f"{field} names {value} more than once")
