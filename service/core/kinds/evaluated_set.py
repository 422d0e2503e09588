"""A distilled set as an evaluation sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from api_schemas.datasets import ChannelStatistics, DatasetStats
from api_schemas.evaluation import ArmName
from method.files import FULL_LABELS, IMAGES, LABELS, SOFT_LABELS, WHITENING
from service.core.catalogue.manifests import DatasetManifest
from service.core.kinds.chosen_labelers import ChosenLabeler
from service.core.kinds.normalizations import training_statistics
from service.core.queue.plan import TaskPlan


@dataclass(frozen=True)
class EvaluatedSet:
    """A set as an evaluation sees it; a label-augmented one may not be there yet."""

    id: str
    stats: DatasetStats
    statistics: ChannelStatistics
    learned_lr: float | None
    views: int | None
    """N^2 of its dense labels; None: it has none."""
    full_labels: bool
    """Whether it has soft labels of the whole images."""
    arms: Sequence[ArmName]
    """Those of the evaluation that it is trained on."""
    after: Sequence[str] = ()
    """Tasks that make it."""
    whitened_by: str | None = None
    """The set with the ZCA in whose space networks are trained; None: in none."""
    labeler: ChosenLabeler | None = None
    """The one that its dense labels are of, where it is there to be asked; it may not be trained yet."""


def evaluated(manifest: DatasetManifest, source: DatasetManifest, arms: Sequence[ArmName]) -> EvaluatedSet:
    """Return a set that is in the catalogue, to be evaluated on `arms`."""
    augmentation = manifest.augmentation
    return EvaluatedSet(
        id=manifest.id,
        stats=manifest.measured,
        statistics=statistics_of(manifest, source),
        learned_lr=manifest.measured.learned_lr,
        views=None if augmentation is None else augmentation.n**2,
        full_labels=FULL_LABELS in manifest.blobs,
        arms=arms,
        whitened_by=manifest.id if WHITENING in manifest.blobs else None,
    )


def augmented(
    plain: EvaluatedSet, labelling: TaskPlan, arms: Sequence[ArmName], labelers: Sequence[ChosenLabeler] = ()
) -> EvaluatedSet:
    """Return the label-augmented set that a task will make of a set by `labelers`, to be evaluated on `arms`."""
    return replace(
        plain,
        id=labelling.makes or "",
        views=labelling.params["views"]["n"] ** 2,
        full_labels=True,
        arms=arms,
        after=[labelling.name],
        labeler=labelers[0] if len(labelers) == 1 else None,
    )


def statistics_of(manifest: DatasetManifest, source: DatasetManifest) -> ChannelStatistics:
    """Return the normalization networks are trained with; a source set always has one."""
    statistics = training_statistics(manifest.measured.normalization, source.measured.normalization)
    if statistics is None:
        raise ValueError(f"source set {source.id} has no normalization")
    return statistics


def own_files(stats: DatasetStats) -> list[str]:
    """Return the files of a distilled set as it came: its images and its own labels."""
    return [IMAGES, LABELS] + [SOFT_LABELS] * (stats.soft_labels is not None)
