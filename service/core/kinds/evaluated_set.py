"""A distilled set as an evaluation sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from api_schemas.arms import ArmName
from api_schemas.datasets import DatasetStats
from method.files import FULL_LABELS, IMAGES, LABELS, SOFT_LABELS, WHITENING
from method.normalizations import TestNormalization
from service.core.catalogue.manifests import DatasetManifest
from service.core.kinds.chosen_labelers import ChosenLabeler
from service.core.kinds.normalizations import RealNormalization, real_normalization
from service.core.queue.plan import TaskPlan


@dataclass(frozen=True)
class EvaluatedSet:
    """A set as an evaluation sees it; a label-augmented one may not be there yet."""

    id: str
    stats: DatasetStats
    real: RealNormalization
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
    relabelled: Sequence["EvaluatedSet"] = ()
    """The same images with the labels of labelers of other seeds: trials take each in turn, this one first."""
    labeler: ChosenLabeler | None = None
    """The one that its dense labels are of, where it is there to be asked; it may not be trained yet."""


def evaluated(
    manifest: DatasetManifest, source: DatasetManifest, arms: Sequence[ArmName], rule: TestNormalization
) -> EvaluatedSet:
    """Return a set that is in the catalogue, to be evaluated on `arms`."""
    augmentation = manifest.augmentation
    return EvaluatedSet(
        id=manifest.id,
        stats=manifest.measured,
        real=real_normalization_of(manifest, source, rule),
        learned_lr=manifest.measured.learned_lr,
        views=None if augmentation is None else augmentation.n**2,
        full_labels=FULL_LABELS in manifest.blobs,
        arms=arms,
        whitened_by=manifest.id if WHITENING in manifest.blobs else None,
    )


def augmented(
    plain: EvaluatedSet,
    labellings: Sequence[TaskPlan],
    arms: Sequence[ArmName],
    labelers: Sequence[Sequence[ChosenLabeler]] = (),
) -> EvaluatedSet:
    """Return the label-augmented set that tasks, one for each seed of a labeler, will make of a set, for `arms`.

    `labelers`: those of each task, where they can be asked while networks are trained.
    """
    views = labellings[0].params["views"]["n"] ** 2
    asked = [each[0] if len(each) == 1 else None for each in labelers] or [None] * len(labellings)
    first, *others = [
        replace(
            plain, id=task.makes or "", views=views, full_labels=True, arms=arms, after=[task.name], labeler=labeler
        )
        for task, labeler in zip(labellings, asked, strict=True)
    ]
    return replace(first, relabelled=others)


def real_normalization_of(
    manifest: DatasetManifest, source: DatasetManifest, rule: TestNormalization
) -> RealNormalization:
    """Return what real images are normalised with; a source set always has a normalization."""
    found = real_normalization(manifest, source.measured.normalization, rule)
    if found is None:
        raise ValueError(f"source set {source.id} has no normalization")
    return found


def own_files(stats: DatasetStats) -> list[str]:
    """Return the files of a distilled set as it came: its images and its own labels."""
    return [IMAGES, LABELS] + [SOFT_LABELS] * (stats.soft_labels is not None)
