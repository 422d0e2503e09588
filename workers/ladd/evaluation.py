"""One trial of an evaluation: a network trained from scratch on an arm of a set, and tested on real images."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.ladd.answers import pack_answers
from workers.ladd.arms import Arm
from workers.ladd.deployment import SILENT, Listener, train_trial
from workers.ladd.grad_cam import grad_cam
from workers.ladd.memory import peak_bytes
from workers.ladd.normalization import normalize
from workers.ladd.recipes.recipe import Recipe
from workers.ladd.seeds import trial_seed
from workers.ladd.step_plan import AUGMENTATION_RULE
from workers.ladd.testing import measure_accuracy, predict
from workers.ladd.training_set import TrainingSet
from workers.ladd.trial_cost import predict_cost


@dataclass(frozen=True)
class TestSet:
    """Real images to test on: uint8 [T, H, W, C] and int64 [T], and the normalization of the training images."""

    __test__: ClassVar[bool] = False

    images: Tensor | NDArray[np.uint8]
    labels: Tensor | NDArray[np.int64]
    mean: Sequence[float]
    std: Sequence[float]


def explain(model: nn.Module, test: TestSet, count: int, device: torch.device | str) -> dict[str, list[Any]] | None:
    """Return the Grad-CAM of `count` test images for their own classes: `images`, `classes` and `maps` [count, h, w].

    The images are the first of each class, then the second of each, and so on. None for no image, and for a network
    that has no maps to show.
    """
    labels = np.asarray(test.labels)
    by_class = np.argsort(labels, kind="stable")
    rank = np.arange(len(labels)) - np.searchsorted(labels[by_class], labels[by_class])
    chosen = by_class[np.lexsort((labels[by_class], rank))][:count]
    if not len(chosen):
        return None
    images = normalize(torch.as_tensor(np.asarray(test.images)[chosen]), test.mean, test.std, device)
    classes = torch.from_numpy(labels[chosen]).to(device)
    maps = grad_cam(model.eval(), images, classes)
    if maps is None:
        return None
    return {"images": chosen.tolist(), "classes": labels[chosen].tolist(), "maps": np.round(maps, 3).tolist()}


def evaluate_trial(
    training_set: TrainingSet,
    test: TestSet,
    arm: Arm,
    architecture: str,
    *,
    trial: int,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    num_classes: int,
    explained_images: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    listener: Listener = SILENT,
    checkpoints: Path | None = None,
) -> dict[str, Any]:
    """Train and test one network; returns the row of an evaluation as it is with this one trial.

    `seed` is the evaluation's, from which the seed of trial number `trial`, counted from 0, is derived. The accuracy is
    that after the last epoch. Accuracies are in percent; a class without test images has None, and so has the loss of
    an epoch that was not finite (the training diverged). `correct` says which test images were right
    (`workers.ladd.answers`); `grad_cam` is there for the first `explained_images` test images of each class in turn.
    `seconds` are those of training and test, over all
    interruptions; `flops` those of the training. `peak_bytes` and `predicted_peak_bytes` are of this process's memory
    on a CPU, of torch's tensors on a GPU. `progress` counts the images and views forwarded in training and the images
    tested. Raises what `train_trial` raises.
    """
    device = torch.device(device)
    training_set = training_set.to(device)
    drawn = trial_seed(seed, trial)
    cost = predict_cost(training_set, arm, architecture, recipe, device, num_classes)
    done, total = 0, cost.counts.forwards + len(test.labels)

    def advance(images: int) -> None:
        nonlocal done
        done += images
        progress(done, total)

    advance(0)
    trained = train_trial(
        training_set,
        arm,
        architecture,
        recipe,
        drawn,
        device,
        num_classes,
        replace(listener, on_images=advance),
        checkpoints,
        cost,
    )
    started = time.monotonic()
    logits = predict(trained.model, torch.as_tensor(test.images), test.mean, test.std, device, on_images=advance)
    accuracy, per_class = measure_accuracy(logits, test.labels, num_classes)
    return {
        "arm": arm.name,
        "architecture": architecture,
        "trial": {
            "trial": trial,
            "seed": drawn,
            "accuracy": accuracy,
            "per_class_accuracy": per_class,
            "correct": pack_answers((logits.argmax(dim=1).cpu() == torch.as_tensor(test.labels)).numpy()),
            "grad_cam": explain(trained.model, test, explained_images, device),
            "losses": [loss if math.isfinite(loss) else None for loss in trained.losses],
            "seconds": trained.seconds + time.monotonic() - started,
            "predicted_peak_bytes": cost.peak_bytes,
            "peak_bytes": peak_bytes(device),
        },
        "epochs": recipe.passes,
        "steps": cost.counts.steps,
        "forwards": cost.counts.forwards,
        "images_seen": cost.counts.images_seen,
        "flops": cost.flops,
        "recipe": asdict(recipe)
        | {
            "augmentation_rule": AUGMENTATION_RULE,
            "micro_batch": trained.micro_batch,
            "arithmetic": asdict(trained.arithmetic),
        },
        "rule": "last epoch",
    }
