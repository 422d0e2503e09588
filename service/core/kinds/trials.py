"""The trainings of an evaluation: a task for each set, arm, architecture and trial."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from api_schemas.arms import ArmName
from api_schemas.cost import CostName
from api_schemas.evaluation import EvaluationSpec, Reuse
from api_schemas.labelers import Architecture
from api_schemas.runner import TaskType
from method.architectures import ARCHITECTURES, training_flops
from method.arms import ARMS, BASELINE, LADD, Arm
from method.augmentation import NONE as NO_AUGMENTATION
from method.files import FULL_LABELS, WHITENING
from method.recipes import REAL_EPOCHS, RECIPES, matched_epochs, passes
from method.views import PROGRESSIVE, drawn_views
from service.core.catalogue.manifests import DatasetManifest, shape_of
from service.core.kinds.evaluated_set import EvaluatedSet, own_files
from service.core.kinds.train_labeler import bordered
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Ref, TaskCost, TaskPlan

MOST_TRAININGS = 2_000
"""Of one job: its record and its report stay small enough to be read at once."""

MOST_NUMBERS = 2_500_000
"""Of one report: a loss for each epoch, an accuracy for each class and the answers to each 120 test images of every
training. At 20 bytes each, it fits into one event of the runner."""


def plan_trials(
    errors: ValidationErrors,
    path: str,
    spec: EvaluationSpec,
    sets: Sequence[EvaluatedSet],
    source: DatasetManifest,
    reuse: Reuse,
) -> list[TaskPlan]:
    """Plan the tasks of a resolved evaluation, whose field is at `path` below `body.params`.

    The most expensive architecture comes first, and of each the first trial of every arm before the second, so that
    whatever is finished compares the arms. Confirmations of progressive views come last, and so do the trainings of
    fewer epochs, which are points of a curve.
    """
    _check_views(errors, path, spec, sets)
    if not _check_count(errors, path, spec, sets):
        return []
    architectures = sorted(spec.architectures or [], key=lambda name: ARCHITECTURES[name].turn)
    several = len(sets) > 1
    trials = [
        _Trial(each, evaluated, several, arm, architecture, number, source, reuse, point=each is not spec)
        for each in [spec, *_points(spec)]
        for architecture in architectures
        for number in range(spec.trials)
        for arm in spec.arms
        for evaluated in sets
        # Real images have a number of epochs of their own.
        if arm in evaluated.arms and (each is spec or ARMS[arm].images != "real")
    ]
    if spec.overrides.views == PROGRESSIVE:
        first = [replace(trial, views="sampled:1") if trial.arm == LADD else trial for trial in trials]
        trials = [*first, *_confirmations(first)]
    _check_numbers(errors, path, trials, source)
    alike = Counter(trial.code for trial in trials)
    return [trial.plan(alike[trial.code]) for trial in trials]


def epochs_of(spec: EvaluationSpec) -> int:
    """Return the epochs of a training, as its recipe counts them."""
    return spec.overrides.epochs or RECIPES[spec.recipe].epochs


def _points(spec: EvaluationSpec) -> list[EvaluationSpec]:
    """Return the evaluation with each of its smaller numbers of epochs, the largest first."""
    return [
        spec.model_copy(
            update={"overrides": spec.overrides.model_copy(update=_lasting(spec, epochs)), "explained_images": 0}
        )
        for epochs in sorted(spec.curve_epochs, reverse=True)
    ]


def _lasting(spec: EvaluationSpec, epochs: int) -> dict[str, int]:
    """Return the overrides of a training of so many epochs: a warm-up that was asked for has the same part of them."""
    warmup = spec.overrides.warmup_epochs
    return {"epochs": epochs} | ({} if warmup is None else {"warmup_epochs": warmup * epochs // epochs_of(spec)})


def _confirmations(first: Sequence["_Trial"]) -> Iterator["_Trial"]:
    """Yield what may follow the trials with one view: each with all views, after all trials that decide about it."""
    decisive: dict[tuple[str, Architecture], list[str]] = {}
    for trial in first:
        if trial.arm not in (BASELINE, LADD):
            continue
        decisive.setdefault((trial.evaluated.id, trial.architecture), []).append(trial.name)
    for trial in first:
        if trial.arm == LADD:
            after = decisive[trial.evaluated.id, trial.architecture]
            yield replace(trial, stage="confirm", views="full", decided_by=after)


@dataclass(frozen=True)
class _Trial:
    """One training from scratch and its test."""

    spec: EvaluationSpec
    evaluated: EvaluatedSet
    several: bool
    """Whether the job evaluates other sets as well, so that names tell them apart."""
    arm: ArmName
    architecture: Architecture
    number: int
    source: DatasetManifest
    reuse: Reuse
    stage: str = "evaluate"
    point: bool = False
    """Whether it is trained for fewer epochs than the evaluation is about."""
    views: str | None = None
    """The policy in the place of `progressive`, which is none of a single training."""
    decided_by: Sequence[str] = ()
    """The tasks whose results say whether a confirmation is needed."""

    @property
    def name(self) -> str:
        of = f"{self.evaluated.id}:" if self.several else ""
        epochs = f":e{self.spec.overrides.epochs}" if self.point else ""
        return f"{self.stage}:{of}{self.arm}:{self.architecture}:{self.number}{epochs}"

    @property
    def confirms(self) -> bool:
        return self.stage == "confirm"

    @property
    def code(self) -> tuple[Architecture, int]:
        """All that trainings share which one compiled network can serve: it, and the rows of their steps."""
        stats = self.evaluated.stats
        rule = RECIPES[self.spec.recipe]
        batch = self.spec.overrides.batch_size or rule.batch_for(stats.num_images, stats.num_classes)
        return self.architecture, self._per_image(ARMS[self.arm]) * min(batch, stats.num_images)

    def plan(self, alike: int) -> TaskPlan:
        """Plan the task, one of `alike` with the same `code`."""
        arm = ARMS[self.arm]
        # Those of all real images are among the files of the source set.
        files = [] if arm.images == "real" else own_files(self.evaluated.stats) + arm.label_files
        precision = self.spec.overrides.precision
        assert precision is not None
        forwards = self._forwards()
        flops = forwards * training_flops(self.architecture, shape_of(self.evaluated.stats))
        labeler = self._labelled.labeler if arm.asks_labeler else None
        if labeler is not None:
            flops += forwards * labeler.forward_flops
        inputs = {
            "dataset": Ref("dataset", self._labelled.id, files),
            "source": Ref("dataset", self.source.id, arm.source_files),
        }
        if labeler is not None:
            inputs["labeler"] = Ref("labeler", labeler.id)
        if self.evaluated.whitened_by is not None:
            inputs["whitening"] = Ref("dataset", self.evaluated.whitened_by, [WHITENING])
        return TaskPlan(
            name=self.name,
            type=TaskType.EVALUATE,
            queue="gpu",
            params={**self._params(), "alike": alike},
            inputs=inputs | ({"results": Ref("after")} if self.confirms else {}),
            work=forwards + self.source.measured.splits["val"],
            unit="images",
            after=self.decided_by or self._labelled.after,
            cost=TaskCost(CostName.DEPLOYMENT, self.architecture, precision, flops=flops),
        )

    @property
    def _labelled(self) -> EvaluatedSet:
        """The set whose labels the trial takes."""
        sets = [self.evaluated, *self.evaluated.relabelled]
        return sets[self.number % len(sets)] if self._takes_turns else self.evaluated

    @property
    def _takes_turns(self) -> bool:
        """Whether labelers of several seeds serve the trials of the arm in turn, by their labels or their answers."""
        arm = ARMS[self.arm]
        return bool(self.evaluated.relabelled) and (bool(arm.label_files) or arm.asks_labeler)

    def _params(self) -> Mapping[str, Any]:
        return {
            "dataset": self.evaluated.id,
            "arm": self.arm,
            "architecture": self.architecture,
            "trial": self.number,
            "recipe": self.spec.recipe,
            "overrides": self._overrides(),
            "seed": self.spec.seed,
            "reuse": self.reuse,
            "explained_images": 0 if self.number else self.spec.explained_images,
            **self.evaluated.real.params,
            "learned_lr": self.evaluated.learned_lr,
            **bordered(shape_of(self.evaluated.stats), self.architecture),
            **({"confirms": True} if self.confirms else {}),
            **({"keep_model": True} if self.spec.keep_models else {}),
            # The row is that of the first set, whoever labelled the images of this trial.
            **({"labels_of": self._labelled.id} if self._takes_turns else {}),
        }

    def _overrides(self) -> Mapping[str, Any]:
        """Return the overrides of the arm: its epochs with what follows from them, and its augmentation."""
        asked, rule, arm = self.spec.overrides, RECIPES[self.spec.recipe], ARMS[self.arm]
        changes = asked.model_dump(mode="json", exclude_none=True, exclude={"real_epochs"})
        if asked.views == PROGRESSIVE:
            changes.pop("views")
            changes |= {"views": self.views} if self.views else {}
        if self.epochs != epochs_of(self.spec):
            changes |= _lasting(self.spec, self.epochs)
        if not arm.augmented:
            changes["augmentation"] = NO_AUGMENTATION
            # A mixture of images augments them, too. Its temperature stays: hard labels know none.
            if (asked.mix or rule.mix) != NO_AUGMENTATION:
                changes["mix"] = NO_AUGMENTATION
        if rule.ema_beta is not None:
            # Named in the task: one without it is of a version whose average did not follow the epochs.
            changes.setdefault("ema_beta", rule.ema_beta_for(self.epochs) or 0)
        return changes

    @property
    def epochs(self) -> int:
        """Epochs of the training, as the recipe counts them."""
        arm = ARMS[self.arm]
        if arm.images == "real":
            return self.spec.overrides.real_epochs or REAL_EPOCHS
        if arm.matched:
            return matched_epochs(RECIPES[self.spec.recipe].schedule, epochs_of(self.spec), self._per_image(ARMS[LADD]))
        return epochs_of(self.spec)

    def _forwards(self) -> int:
        """Return the images and views passed forward in the training."""
        arm, epochs = ARMS[self.arm], passes(RECIPES[self.spec.recipe].schedule, self.epochs)
        return arm.networks * self.evaluated.stats.num_images * self._per_image(arm) * epochs

    def _per_image(self, arm: Arm) -> int:
        """Return the forwards of an image and step of an arm."""
        views = self.views or self.spec.overrides.views or "full"
        if views == "pool":
            return 1
        return bool(arm.full_images) + bool(arm.views) * (drawn_views(views) or self.evaluated.views or 0)


def _check_views(errors: ValidationErrors, path: str, spec: EvaluationSpec, sets: Sequence[EvaluatedSet]) -> None:
    views = spec.overrides.views or "full"
    if views == PROGRESSIVE and not {BASELINE, LADD} <= set(spec.arms):
        message = "progressive views decide between baseline and ladd: both must be among the arms"
        errors.add(f"{path}arms", "progressive_compares_arms", ", ".join(spec.arms), message)
    if views == PROGRESSIVE and spec.trials < 2:
        message = f"progressive views compare the arms over at least 2 trials, not {spec.trials}"
        errors.add(f"{path}trials", "progressive_needs_trials", spec.trials, message)
    if views == PROGRESSIVE and spec.curve_epochs:
        message = "progressive views decide by trainings of one length: a curve needs full, pool or sampled:K"
        errors.add(f"{path}curve_epochs", "one_policy", spec.curve_epochs, message)
    drawn = drawn_views(views)
    for evaluated in sets:
        for arm in evaluated.arms:
            _check_labels(errors, path, arm, evaluated)
        on_views = any(ARMS[arm].views for arm in evaluated.arms)
        if on_views and drawn is not None and evaluated.views is not None and drawn > evaluated.views:
            message = f"overrides.views draws {drawn} views, but {evaluated.id} has {evaluated.views} per image"
            errors.add(f"{path}overrides.views", "within_views", spec.overrides.views, message)


def _check_labels(errors: ValidationErrors, path: str, arm: ArmName, evaluated: EvaluatedSet) -> None:
    if ARMS[arm].needs_views and evaluated.views is None:
        message = f"arm {arm} needs the views of a label-augmented set, which {evaluated.id} is not"
        errors.add(f"{path}arms", "arm_has_dense_labels", arm, message)
    elif FULL_LABELS in ARMS[arm].label_files and not evaluated.full_labels:
        message = f"arm {arm} needs the labeler's soft labels of whole images, which {evaluated.id} does not have"
        errors.add(f"{path}arms", "arm_has_full_labels", arm, message)
    if ARMS[arm].asks_labeler:
        _check_labeler(errors, path, arm, evaluated)


def _check_labeler(errors: ValidationErrors, path: str, arm: ArmName, evaluated: EvaluatedSet) -> None:
    if evaluated.whitened_by is not None:
        message = f"arm {arm} asks the labeler about rows as they are; {evaluated.id} is trained in whitened space"
        errors.add(f"{path}arms", "arm_has_labeler", arm, message)
    elif evaluated.labeler is None:
        message = (
            f"arm {arm} asks the labeler while it trains: {evaluated.id} needs dense labels by one labeler alone that "
            "is in the catalogue"
        )
        errors.add(f"{path}arms", "arm_has_labeler", arm, message)


def _check_count(errors: ValidationErrors, path: str, spec: EvaluationSpec, sets: Sequence[EvaluatedSet]) -> bool:
    """Require that the job stays within what one record can hold."""
    confirmed = spec.overrides.views == PROGRESSIVE
    arms = sum(len(evaluated.arms) + (confirmed and LADD in evaluated.arms) for evaluated in sets)
    architectures = len(spec.architectures or [])
    lengths = 1 + len(spec.curve_epochs)
    trainings = arms * architectures * spec.trials * lengths
    if trainings <= MOST_TRAININGS:
        return True
    message = (
        f"{arms} arms of {len(sets)} sets{' (ladd counts twice under progressive views)' if confirmed else ''} "
        f"x {architectures} architectures x {spec.trials} trials"
        f"{f' x {lengths} numbers of epochs' if spec.curve_epochs else ''} = {trainings:,} trainings, but a job has at "
        f"most {MOST_TRAININGS:,}"
    )
    errors.add(f"{path}trials", "within_trainings", trainings, message)
    return False


def _check_numbers(errors: ValidationErrors, path: str, trials: Sequence[_Trial], source: DatasetManifest) -> None:
    """Require that the job stays within what one report can hold."""
    classes, answers = source.measured.num_classes, source.measured.splits["val"]
    longest = max((trial.epochs for trial in trials), default=0)
    numbers = sum(trial.epochs + classes + answers // 120 for trial in trials)
    if numbers > MOST_NUMBERS:
        message = (
            f"{len(trials):,} trainings x (up to {longest:,} epochs + {classes:,} classes + {answers:,} test images / "
            f"120) = {numbers:,} numbers, but a report holds at most {MOST_NUMBERS:,}"
        )
        errors.add(f"{path}overrides.epochs", "within_report", longest, message)
