"""Control arms, which train on other images: real ones, all or some, or a set with one image more per class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from api_schemas.arms import ArmName
from api_schemas.datasets import DatasetRole, DatasetStats
from api_schemas.evaluation import EvaluationSpec
from api_schemas.runner import TaskType
from method.arms import ARMS, PLUS
from method.files import LABELS, TRAIN_IMAGES, TRAIN_LABELS
from service.core.catalogue.manifests import DatasetManifest
from service.core.foundation.ids import new_id
from service.core.kinds.evaluated_set import EvaluatedSet, augmented, evaluated
from service.core.kinds.normalizations import check_published
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Ref, TaskPlan

Label = Callable[[str, DatasetStats, Sequence[str]], Sequence[TaskPlan]]
"""Plan the labellings of a set with this id and these stats after these tasks: one for each seed of the labeler."""

INT64_BYTES = 8


@dataclass(frozen=True)
class Controls:
    """Sets and tasks that the control arms add to an evaluation."""

    tasks: Sequence[TaskPlan]
    """Those that make the random sets."""
    sets: Sequence[EvaluatedSet]
    plus: DatasetManifest | None = None
    """The set with one image more of each class."""

    @property
    def plus_sets(self) -> list[DatasetManifest]:
        """That set, or none."""
        return [] if self.plus is None else [self.plus]

    @property
    def reads(self) -> list[str]:
        """Sets of the catalogue that the job needs for them."""
        return [each.id for each in self.plus_sets]


def own_arms(spec: EvaluationSpec) -> list[ArmName]:
    """Return the arms that train on the images of the set itself."""
    return [arm for arm in spec.arms if ARMS[arm].images == "own"]


def plan_controls(
    errors: ValidationErrors,
    path: str,
    spec: EvaluationSpec,
    dataset: DatasetManifest,
    source: DatasetManifest,
    label: Label | None = None,
) -> Controls:
    """Plan the sets of the control arms of an evaluation of `dataset`, whose field is at `path`.

    `label` plans the dense labels of real images as those of the set itself are planned; None: the job writes none.
    """
    tasks, random = _random_sets(errors, path, spec, dataset, source, label)
    plus = _plus_set(errors, path, spec, dataset, source)
    real = _real_set(spec, dataset, source)
    return Controls(
        tasks=tasks,
        sets=[
            *(found for found in random if found.arms),
            *([real] if real.arms else []),
            *([evaluated(plus, source, [PLUS], spec.test_normalization)] if plus else []),
        ],
        plus=plus,
    )


def _real_set(spec: EvaluationSpec, dataset: DatasetManifest, source: DatasetManifest) -> EvaluatedSet:
    """Return the train split of the source set, normalised or whitened as the set itself is.

    The learning rate is the recipe's: one that was distilled suits the images that it was distilled with.
    """
    return replace(
        evaluated(dataset, source, [arm for arm in spec.arms if ARMS[arm].images == "real"], spec.test_normalization),
        id=source.id,
        stats=source.measured.model_copy(update={"num_images": source.measured.splits["train"]}),
        learned_lr=None,
        views=None,
        full_labels=False,
    )


def _random_sets(
    errors: ValidationErrors,
    path: str,
    spec: EvaluationSpec,
    dataset: DatasetManifest,
    source: DatasetManifest,
    label: Label | None,
) -> tuple[list[TaskPlan], list[EvaluatedSet]]:
    """Plan the random set and, where it is wanted, the one with dense labels of it."""
    arms = [arm for arm in spec.arms if ARMS[arm].images == "random"]
    labelled = [arm for arm in arms if ARMS[arm].label_files]
    if label is None:
        for arm in labelled:
            message = f"arm {arm} needs dense labels of its own images, which only a job of kind ladd writes"
            errors.add(f"{path}arms", "arm_is_labelled", arm, message)
    if not arms:
        return [], []
    _check_enough(errors, path, dataset, source)
    stats = _random_stats(dataset.measured)
    picking = _plan_random_set(dataset, source, spec.seed)
    # All but the images is as the set itself has it, the learning rate it was distilled with included.
    plain = replace(
        evaluated(dataset, source, [arm for arm in arms if arm not in labelled], spec.test_normalization),
        id=picking.makes or "",
        stats=stats,
        views=None,
        full_labels=False,
        after=[picking.name],
    )
    if not labelled or label is None:
        return [picking], [plain]
    labellings = label(plain.id, stats, [picking.name])
    return [picking, *labellings], [plain, augmented(plain, labellings, labelled)]


def _plan_random_set(dataset: DatasetManifest, source: DatasetManifest, seed: int) -> TaskPlan:
    return TaskPlan(
        name="random_set",
        type=TaskType.RANDOM_SET,
        queue="cpu",
        params={"seed": seed},
        inputs={
            "dataset": Ref("dataset", dataset.id, [LABELS]),
            "source": Ref("dataset", source.id, [TRAIN_IMAGES, TRAIN_LABELS]),
        },
        work=dataset.measured.num_images,
        unit="images",
        makes=new_id("ds"),
    )


def _random_stats(distilled: DatasetStats) -> DatasetStats:
    """Return what is known of the random set before it is there: as many images of the same shape, of 8 bits."""
    size = prod(distilled.image_shape) + INT64_BYTES
    return distilled.model_copy(
        update={"dtype": "uint8", "bytes": distilled.num_images * size, "soft_labels": None, "learned_lr": None}
    )


def _check_enough(errors: ValidationErrors, path: str, dataset: DatasetManifest, source: DatasetManifest) -> None:
    """Require as many real images of each class as the distilled set has."""
    for wanted, there in zip(dataset.measured.class_counts, source.measured.class_counts, strict=False):
        needed, found = sum(wanted.images.values()), there.images["train"]
        if needed > found:
            message = f"random arms need {needed} images of class {there.name}; source.train has {found}"
            errors.add(f"{path}arms", "enough_real_images", found, message)


def _plus_set(
    errors: ValidationErrors, path: str, spec: EvaluationSpec, dataset: DatasetManifest, source: DatasetManifest
) -> DatasetManifest | None:
    """Return the set with one image more of each class, None without the arm that trains on it."""
    field, named = f"{path}plus_dataset", spec.plus_dataset
    if PLUS not in spec.arms:
        if named is not None:
            message = f"plus_dataset is for the arm {PLUS}, which is not among the arms"
            errors.add(field, "has_its_arm", named, message)
        return None
    if named is None:
        message = f"arm {PLUS} needs plus_dataset: a set with one image more of each class"
        errors.add(field, "required", None, message)
        return None
    plus = errors.dataset(field, named, DatasetRole.DISTILLED)
    if plus is None:
        return None
    errors.same_shape(field, plus, source)
    check_published(errors, path, plus, source, spec.test_normalization)
    expected = dataset.measured.num_images + dataset.measured.num_classes
    if plus.measured.num_images != expected:
        message = f"{plus.id} has {plus.measured.num_images} images; one more per class than {dataset.id} is {expected}"
        errors.add(field, "one_image_more", plus.measured.num_images, message)
    return plus
