"""What a trial will cost, known before it begins: arithmetic, memory, and how the work is cut up."""

import math
from dataclasses import asdict, dataclass

import torch

from method.architectures import parameter_count, training_flops
from method.arms import Arm
from method.layers import Shape
from workers.ladd.deployment.memory import training_bytes
from workers.ladd.deployment.step_plan import TrainingCounts, training_counts
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution, choose_execution
from workers.ladd.engine.memory import resident_bytes
from workers.ladd.engine.micro_batch import training_micro_batch
from workers.ladd.recipes.recipe import Recipe


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


def predict_cost(
    training_set: TrainingSet, arm: Arm, architecture: str, recipe: Recipe, device: torch.device, num_classes: int
) -> TrialCost:
    """Return what training `architecture` once on a set, which lies on `device` already, will cost."""
    images, channels, size, _ = training_set.images.shape
    shape = Shape(num_classes, channels, size)
    counts = training_counts(images, training_set.view_count, arm, recipe)
    flops = counts.forwards * training_flops(architecture, shape)
    execution = choose_execution(architecture, device, recipe.precision, flops)
    micro_batch = recipe.micro_batch or training_micro_batch(
        size, size, device, parameter_count(architecture, shape), training_flops(architecture, shape)
    )
    micro_batch = min(micro_batch, counts.largest_step)
    if execution.compiled:
        # All micro-batches get the same number of images: as little padding as may be.
        micro_batch = math.ceil(counts.largest_step / math.ceil(counts.largest_step / micro_batch))
    copies = (recipe.momentum > 0) + (recipe.ema_beta is not None)
    needed = training_bytes(architecture, **asdict(shape), micro_batch=micro_batch, copies=copies, execution=execution)
    there = torch.cuda.memory_allocated(device) if device.type == "cuda" else resident_bytes()
    return TrialCost(counts, flops, execution, micro_batch, there + needed.on(device))
