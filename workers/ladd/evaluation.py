"""One row of an evaluation: an architecture trained from scratch on an arm, several trials, tested on real images."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.ladd.accounting import deployment_flops
from workers.ladd.arms import Arm
from workers.ladd.deployment import TrainingSet, train_trial
from workers.ladd.micro_batch import micro_batch_size
from workers.ladd.recipes.recipe import Recipe
from workers.ladd.seeds import trial_seed
from workers.ladd.statistics import summarize
from workers.ladd.step_plan import AUGMENTATION_RULE, training_counts
from workers.ladd.testing import measure_accuracy, predict


@dataclass(frozen=True)
class TestSet:
    """Real images to test on: uint8 [T, H, W, C] and int64 [T], and the normalization of the training images."""

    __test__: ClassVar[bool] = False

    images: Tensor | NDArray[np.uint8]
    labels: Tensor | NDArray[np.int64]
    mean: Sequence[float]
    std: Sequence[float]


def evaluate_arm(
    training_set: TrainingSet,
    test: TestSet,
    arm: Arm,
    architecture: str,
    *,
    trials: int,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    num_classes: int,
    finished: Sequence[Mapping[str, Any]] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_trial: Callable[[dict[str, Any]], None] = lambda trial: None,
) -> dict[str, Any]:
    """Run the trials that are not in `finished` and return the row that summarises all of them.

    The accuracy of a trial is that after its last epoch. Accuracies are in percent; a class without test images has
    None, and so has the loss of an epoch that was not finite (the training diverged). `steps`, `forwards` and
    `images_seen` are those of one trial, `flops` (training only) and `seconds` of all trials. `progress` counts the
    images and views forwarded in training and the images tested, over all trials; `on_trial` gets each trial as it
    ends, ready to be handed back in `finished`. Raises ValueError if a finished trial has another seed than this
    evaluation would give it.
    """
    kept = {trial["trial"]: dict(trial) for trial in finished if trial["trial"] < trials}
    for number, trial in kept.items():
        if trial["seed"] != trial_seed(seed, number):
            raise ValueError(
                f"finished trial {number} must have seed {trial_seed(seed, number)}, derived from the evaluation's "
                f"seed {seed}; got {trial['seed']}"
            )
    device = torch.device(device)
    training_set = training_set.to(device)
    images, channels, height, width = training_set.images.shape
    counts = training_counts(images, training_set.view_count, arm, recipe)
    per_trial = counts.forwards + len(test.labels)
    done, total = len(kept) * per_trial, trials * per_trial

    def advance(images: int) -> None:
        nonlocal done
        done += images
        progress(done, total)

    advance(0)
    for number in sorted(set(range(trials)) - set(kept)):
        started = time.monotonic()
        drawn = trial_seed(seed, number)
        model, losses = train_trial(
            training_set, arm, architecture, recipe, drawn, device, num_classes, on_images=advance
        )
        logits = predict(model, torch.as_tensor(test.images), test.mean, test.std, device, on_images=advance)
        accuracy, per_class = measure_accuracy(logits, test.labels, num_classes)
        kept[number] = {
            "trial": number,
            "seed": drawn,
            "accuracy": accuracy,
            "per_class_accuracy": per_class,
            "losses": [loss if math.isfinite(loss) else None for loss in losses],
            "seconds": time.monotonic() - started,
        }
        on_trial(kept[number])
    rows = [kept[number] for number in range(trials)]
    training_flops = deployment_flops(
        architecture, counts.forwards, num_classes=num_classes, channels=channels, size=height
    )
    return {
        "arm": arm.name,
        "architecture": architecture,
        "trials": rows,
        **summarize([row["accuracy"] for row in rows]),
        "epochs": recipe.passes,
        **asdict(counts),
        "flops": trials * training_flops,
        "seconds": math.fsum(row["seconds"] for row in rows),
        "recipe": asdict(recipe)
        | {
            "augmentation_rule": AUGMENTATION_RULE,
            "micro_batch": micro_batch_size(height, width, device, recipe.micro_batch),
        },
        "rule": "last epoch",
    }
