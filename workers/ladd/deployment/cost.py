"""The cost of a trial, known before it begins: arithmetic, memory, and how the work is cut up."""

import math
from dataclasses import asdict, dataclass

import torch

from method.architectures import ARCHITECTURES, parameter_count, training_flops
from method.arms import Arm
from method.precisions import PRECISIONS
from workers.ladd.deployment.cuda_memory import cuda_peak_bytes
from workers.ladd.deployment.memory import training_bytes
from workers.ladd.deployment.optimizer import copies_of_weights
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution, Workload, choose_execution
from workers.ladd.engine.memory import free_bytes, resident_bytes
from workers.ladd.engine.micro_batch import even, gpu_micro_batch, micro_batch_size, training_micro_batch
from workers.ladd.recipes.recipe import Recipe


@dataclass(frozen=True)
class TrainingCounts:
    """Sums over one whole training: optimizer steps, rows forwarded, full images among these, rows of a full step.

    Of a "pool" `images_seen` is the expected number, rounded.
    """

    steps: int
    forwards: int
    images_seen: int
    largest_step: int


def training_counts(images: int, view_count: int, arm: Arm, recipe: Recipe) -> TrainingCounts:
    """Return the counts of a training on `images` images with `view_count` views each; all its epochs."""
    steps = recipe.passes * math.ceil(images / recipe.batch_size)
    members = recipe.passes * images
    full = bool(arm.full_images)
    batch = min(recipe.batch_size, images)
    if recipe.views == "pool":
        kinds = full + (view_count if arm.views else 0)
        return TrainingCounts(steps, members, round(members * full / kinds), batch)
    views = recipe.views_per_image(view_count) if arm.views else 0
    return TrainingCounts(steps, members * (full + views), members * full, batch * (full + views))


@dataclass(frozen=True)
class TrialCost:
    """`flops`: of the training (1 MAC = 2). `micro_batch`: images forwarded at once. `peak_bytes`: the most memory, of
    the process on a CPU, of torch's tensors on a GPU.
    """

    counts: TrainingCounts
    flops: int
    execution: Execution
    micro_batch: int
    peak_bytes: int


@dataclass(frozen=True)
class Surroundings:
    """What is around a training: `alike` trainings of its job that one compilation serves, this one included;
    `rate`: FLOP/s measured of such on this kind of device, None: not measured; `sharers`: trainings that a GPU has room
    for.
    """

    alike: int = 1
    rate: float | None = None
    sharers: int = 1


ALONE = Surroundings()


def predict_cost(
    training_set: TrainingSet,
    arm: Arm,
    architecture: str,
    recipe: Recipe,
    device: torch.device,
    num_classes: int,
    around: Surroundings = ALONE,
) -> TrialCost:
    """Return what training `architecture` once on a set, which lies on `device` already, will cost.

    Raises MemoryError for a network with batch norm whose steps, which may not be cut, are too much for the device.
    """
    images, size = len(training_set.images), training_set.images.shape[2]
    shape = training_set.shape(num_classes)
    counts = training_counts(images, training_set.view_count, arm, recipe)
    flops = counts.forwards * training_flops(architecture, shape)
    work = Workload(flops, around.alike, around.rate)
    labeler = training_set.labeler if arm.asks_labeler else None
    if labeler is not None:
        # Its weights lie on the device, and its activations are gone before those of the training are there.
        flops += counts.forwards * labeler.forward_flops
    execution = choose_execution(architecture, device, recipe.precision, work, recipe.deterministic)
    copies = copies_of_weights(recipe) + (recipe.ema_beta is not None)
    network = {"execution": execution, "copies": copies, **asdict(shape)}
    rows = counts.largest_step
    whole = ARCHITECTURES[architecture].batch_norm
    if device.type == "cuda":
        ieee_test = not PRECISIONS[recipe.precision].tf32

        def peak_of(images: int) -> int:
            return cuda_peak_bytes(architecture, **network, micro_batch=images, ieee_test=ieee_test)

        if whole:
            micro_batch = recipe.micro_batch or rows
        elif recipe.micro_batch or recipe.deterministic:
            # Not by what happens to be free, which sums and dropout's masks would depend on.
            micro_batch = min(rows, micro_batch_size(size, size, device, recipe.micro_batch))
        else:
            micro_batch = gpu_micro_batch(size, size, rows, free_bytes(device, around.sharers), peak_of)
        needed = peak_of(micro_batch)
        peak = torch.cuda.memory_allocated(device) + needed
    else:
        weights, flops_an_image = parameter_count(architecture, shape), training_flops(architecture, shape)
        usual = rows if whole else training_micro_batch(size, size, device, weights, flops_an_image)
        micro_batch = min(recipe.micro_batch or usual, rows)
        if execution.compiled:
            # All micro-batches get the same number of images: as little padding as may be.
            micro_batch = even(rows, micro_batch)
        needed = training_bytes(architecture, **network, micro_batch=micro_batch).expected
        # After the prediction, for which torch loads some 100 MB of its modules, as a training does.
        peak = resident_bytes() + needed
    if whole and needed > (free := free_bytes(device, around.sharers)):
        raise MemoryError(
            f"{architecture} normalises over its batch and takes {needed / 1e9:.1f} GB for the {rows} images and views "
            f"of a step at once; {free / 1e9:.1f} GB are free: take a smaller batch_size or fewer views"
        )
    return TrialCost(counts, flops, execution, micro_batch, peak)
