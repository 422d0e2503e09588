"""`train_labeler`: train a classifier on a source set, once for each source, recipe and version of the code."""

import json
from dataclasses import dataclass

from api_schemas.cost import CostName
from api_schemas.datasets import ChannelStatistics, DatasetRole, DatasetStats
from api_schemas.jobs import JobKind, TrainLabelerParams, TrainLabelerRequest
from api_schemas.labelers import Architecture, LabelerRecipe
from api_schemas.runner import TaskType
from method.architectures import ARCHITECTURES, convnet_for, parameter_count, training_flops
from method.labeler import held_out_count, kept_epochs, rounded
from method.layers import FLOAT32_BYTES, Shape
from method.precisions import EXACT
from service.core.catalogue.manifests import DatasetManifest, shape_of
from service.core.clients import Core
from service.core.foundation.ids import derived_id
from service.core.foundation.tenants import DEFAULT
from service.core.kinds.kind import Kind
from service.core.kinds.normalizations import choose_statistics, training_statistics
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, Ref, TaskCost, TaskPlan

CODE_VERSION = "1"
"""Part of a labeler's id: raise it when the same recipe would train other weights."""


def plan(core: Core, params: TrainLabelerParams) -> Plan:
    """Plan one training. A labeler that exists already is found when the task is claimed, and not trained again."""
    errors = ValidationErrors(core.catalogue)
    source = errors.sure(errors.dataset("source_dataset", params.source_dataset, DatasetRole.SOURCE))
    recipe = LabelerRecipe.model_validate(params.model_dump(exclude={"source_dataset"}))
    training = plan_training(errors, "", recipe, source, training_statistics(source.measured.normalization, None))
    errors.raise_if_any()
    return Plan(
        params={"source_dataset": source.id, **training.recipe.model_dump(mode="json")},
        tasks=[training.task],
        reads=[source.id],
    )


@dataclass(frozen=True)
class Training:
    """A planned training: the recipe with its defaults resolved, and the id its labeler will have."""

    recipe: LabelerRecipe
    architecture: Architecture
    labeler_id: str
    task: TaskPlan


def plan_training(
    errors: ValidationErrors,
    path: str,
    recipe: LabelerRecipe,
    source: DatasetManifest,
    default_statistics: ChannelStatistics | None,
) -> Training:
    """Resolve a recipe for a source set and plan its task; `path` is where the recipe lies below `body.params`."""
    stats, shape = source.measured, shape_of(source.measured)
    channels, size, _ = stats.image_shape
    architecture = recipe.architecture or convnet_for(size)
    errors.fits(f"{path}architecture", architecture, stats.image_shape)
    errors.strategy(f"{path}augmentation", recipe.augmentation)
    epochs = sorted(set(recipe.checkpoint_epochs or kept_epochs(recipe.epochs)))
    if epochs[-1] > recipe.epochs:
        message = f"checkpoint_epochs holds {epochs[-1]}, but training ends after epoch {recipe.epochs}"
        errors.add(f"{path}checkpoint_epochs", "within_epochs", epochs[-1], message)
    statistics = choose_statistics(errors, f"{path}normalization", recipe.normalization, default_statistics, channels)
    resolved = recipe.model_copy(
        update={
            "architecture": architecture,
            "checkpoint_epochs": epochs,
            "normalization": recipe.normalization or statistics,
            "held_out": recipe.held_out or 0.0,
        }
    )
    # Without images held out the id stays what it was before there was this field.
    left_out = {"normalization"} if resolved.held_out else {"normalization", "held_out"}
    made_by = (
        resolved.model_dump(mode="json", exclude=left_out) | statistics.model_dump() | bordered(shape, architecture)
    )
    fraction = recipe.held_out or 0.0
    held_out = sum(held_out_count(count.images["train"], fraction) for count in stats.class_counts)
    if fraction and not held_out:
        message = f"no class of {source.id} has two train images: none can be held out"
        errors.add(f"{path}held_out", "labeler_held_out", fraction, message)
    if rounds_to_none(stats, fraction):
        made_by["held_out_images"] = held_out
    # A labeler of one tenant is another's neither to use nor to learn of.
    apart = [] if source.tenant == DEFAULT else [source.tenant]
    labeler_id = derived_id("lb", stats.sha256, canonical(made_by), CODE_VERSION, *apart)
    task = TaskPlan(
        name="train_labeler",
        type=TaskType.TRAIN_LABELER,
        queue="gpu",
        params={
            "recipe": resolved.model_dump(mode="json"),
            **statistics.model_dump(),
            "num_classes": stats.num_classes,
            "channels": channels,
            "size": size,
            "held_out_images": held_out,
            **bordered(shape, architecture),
        },
        inputs={"source": Ref("dataset", source.id)},
        work=(stats.num_images - held_out) * recipe.epochs,
        unit="images",
        makes=labeler_id,
        # Without the evaluations after epochs.
        cost=TaskCost(
            part=CostName.LABELER_TRAINING,
            architecture=architecture,
            precision=EXACT,
            flops=(stats.splits["train"] - held_out) * recipe.epochs * training_flops(architecture, shape),
            bytes=len(epochs) * FLOAT32_BYTES * parameter_count(architecture, shape),
        ),
    )
    return Training(resolved, architecture, labeler_id, task)


def rounds_to_none(stats: DatasetStats, fraction: float | None) -> bool:
    """Tell whether a class has so few images that its part is less than half of one."""
    if not fraction:
        return False
    return any(rounded(count.images["train"], fraction) == 0 for count in stats.class_counts)


def bordered(shape: Shape, architecture: Architecture | None) -> dict[str, int]:
    """Return the parameter `border` of a task whose network has one; tasks without it train networks that have none."""
    border = 0 if architecture is None else ARCHITECTURES[architecture].border_for(shape.channels)
    return {"border": border} if border else {}


def canonical(document: object) -> str:
    """Return the one JSON text of a document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


KIND = Kind(JobKind.TRAIN_LABELER, plan, TrainLabelerRequest, [CostName.LABELER_TRAINING])
