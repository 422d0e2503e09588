"""One trial of an evaluation: a network trained from scratch on an arm of a set, and tested on real images."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from method.architectures import ARCHITECTURES
from method.arms import Arm
from method.augmentation import NONE
from workers.ladd.deployment.cost import ALONE, Surroundings, predict_cost
from workers.ladd.deployment.listener import SILENT, Listener
from workers.ladd.deployment.live_labels import LABELER_RULE
from workers.ladd.deployment.loss import LABEL_RULE
from workers.ladd.deployment.step import AUGMENTATION_RULE
from workers.ladd.deployment.training import train_trial
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.inference import measure_accuracy, predict
from workers.ladd.engine.memory import peak_bytes
from workers.ladd.engine.mixing import MIX_RULE
from workers.ladd.engine.normalization import network_input
from workers.ladd.engine.progress import counting
from workers.ladd.engine.seeds import trial_seed
from workers.ladd.evaluation.answers import pack_answers
from workers.ladd.evaluation.grad_cam import grad_cam
from workers.ladd.recipes.recipe import Recipe


@dataclass(frozen=True)
class TestSet:
    """Real images to test on: uint8 [T, H, W, C] and int64 [T], and the normalization of the training images.

    Images may be float32 [T, C, H, W] instead, as the network takes them: then they are not normalised.
    """

    __test__: ClassVar[bool] = False

    images: Tensor | NDArray[np.generic]
    labels: Tensor | NDArray[np.int64]
    mean: Sequence[float]
    std: Sequence[float]


@dataclass(frozen=True)
class Explained:
    """Grad-CAM of test images: their places among these, their classes, and `maps` [images, h, w] in [0, 1]."""

    images: list[int]
    classes: list[int]
    maps: list[list[list[float]]]


@dataclass(frozen=True)
class TestedNetwork:
    """One training and its test, with the fields of the API's `TrialRow`. Accuracies are in percent.

    A class without test images has no accuracy, and the loss of an epoch that was not finite (the training diverged) is
    None. `correct` says which test images were right (`answers.py`). `seconds` are those of training and test, over all
    interruptions. `peak_bytes` and `predicted_peak_bytes` are of this process's memory on a CPU, of torch's tensors on
    a GPU.
    """

    __test__: ClassVar[bool] = False

    trial: int
    seed: int
    accuracy: float
    per_class_accuracy: list[float | None]
    correct: str
    grad_cam: Explained | None
    losses: list[float | None]
    seconds: float
    peak_bytes: int
    predicted_peak_bytes: int


@dataclass(frozen=True)
class TrialResult:
    """The row of an evaluation as it is with one trial. `flops` are those of the training (1 MAC = 2), with the
    labeler's where it is asked meanwhile.
    """

    arm: str
    architecture: str
    trial: TestedNetwork
    labels: Literal["hard", "soft"]
    epochs: int
    steps: int
    forwards: int
    images_seen: int
    flops: int
    recipe: dict[str, Any]
    rule: Literal["last epoch"] = "last epoch"


def explain(
    model: nn.Module, architecture: str, test: TestSet, count: int, device: torch.device | str
) -> Explained | None:
    """Return the Grad-CAM of `count` test images for their own classes.

    The images are the first of each class, then the second of each, and so on. None for no image, and for a network
    that has no maps to show.
    """
    labels = np.asarray(test.labels)
    by_class = np.argsort(labels, kind="stable")
    rank = np.arange(len(labels)) - np.searchsorted(labels[by_class], labels[by_class])
    chosen = by_class[np.lexsort((labels[by_class], rank))][:count]
    part = ARCHITECTURES[architecture].maps
    if part is None or not len(chosen):
        return None
    images = network_input(torch.as_tensor(np.asarray(test.images)[chosen]), test.mean, test.std, device)
    classes = torch.from_numpy(labels[chosen]).to(device)
    maps = grad_cam(model.eval(), part, images, classes)
    if maps is None:
        return None
    return Explained(chosen.tolist(), labels[chosen].tolist(), np.round(maps, 3).tolist())


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
    held_out: TestSet | None = None,
    around: Surroundings = ALONE,
    on_trained: Callable[[nn.Module], None] = lambda model: None,
) -> TrialResult:
    """Train and test one network.

    `seed` is the evaluation's, from which the seed of trial number `trial`, counted from 0, is derived. The accuracy is
    that after the last epoch. `grad_cam` is there for the first `explained_images` test images of each class in turn.
    `progress` counts the images and views forwarded in training and the images tested. `on_trained` gets the network
    that was tested.

    An arm with `best_lr` trains a network at each of its `lr_factors` times the recipe's learning rate, from the same
    seed, and tests the one that is best on `held_out`, images that are neither tested nor trained on; of equals the
    one at the lower rate. The row's recipe then has the `lr` chosen and, as `lr_sweep`, the accuracy on `held_out` at
    each; counts and `flops` are of all. Such a trial begins anew after an interruption.
    Raises what `train_trial` raises, and ValueError for an arm with `best_lr` without `held_out`.
    """
    if arm.best_lr and held_out is None:
        raise ValueError(f"held_out must be given for the arm {arm.name!r}; got none")
    recipes = [replace(recipe, lr=factor * recipe.lr) for factor in arm.lr_factors]
    device = torch.device(device)
    training_set = training_set.to(device)
    drawn = trial_seed(seed, trial, architecture, recipe.seed_rule)
    cost = predict_cost(training_set, arm, architecture, recipe, device, num_classes, around)
    networks = len(recipes)
    advance = counting(progress, networks * cost.counts.forwards + len(test.labels))
    advance(0)

    def answers(model: nn.Module, images: TestSet, on_images: Callable[[int], None] = lambda images: None) -> Tensor:
        tensor, precision = torch.as_tensor(images.images), recipe.precision
        return predict(model, tensor, images.mean, images.std, device, on_images=on_images, precision=precision)

    listener = replace(listener, on_images=advance)
    started = time.monotonic()
    sweep: dict[str, float] = {}
    best = -1.0
    for candidate in recipes:
        folder = None if arm.best_lr else checkpoints
        network = train_trial(
            training_set, arm, architecture, candidate, drawn, device, num_classes, listener, folder, cost
        )
        accuracy = 0.0
        if arm.best_lr and held_out is not None:
            logits = answers(network.model, held_out)
            accuracy, _ = measure_accuracy(logits, held_out.labels, num_classes)
            sweep[f"{candidate.lr:.6g}"] = accuracy
        if accuracy > best:
            best, recipe, trained = accuracy, candidate, network
    seconds = time.monotonic() - started if arm.best_lr else trained.seconds
    started = time.monotonic()
    logits = answers(trained.model, test, advance)
    accuracy, per_class = measure_accuracy(logits, test.labels, num_classes)
    tested = TestedNetwork(
        trial=trial,
        seed=drawn,
        accuracy=accuracy,
        per_class_accuracy=per_class,
        correct=pack_answers((logits.argmax(dim=1).cpu() == torch.as_tensor(test.labels)).numpy()),
        grad_cam=explain(trained.model, architecture, test, explained_images, device),
        losses=[loss if math.isfinite(loss) else None for loss in trained.losses],
        seconds=seconds + time.monotonic() - started,
        peak_bytes=peak_bytes(device),
        predicted_peak_bytes=cost.peak_bytes,
    )
    on_trained(trained.model)
    about = {
        "augmentation_rule": AUGMENTATION_RULE,
        "micro_batch": trained.micro_batch,
        "arithmetic": asdict(trained.execution),
        **({} if recipe.temperature is None or arm.asks_labeler else {"label_rule": LABEL_RULE}),
        **({"labeler_rule": LABELER_RULE} if arm.asks_labeler else {}),
        **({} if recipe.mix == NONE else {"mix_rule": MIX_RULE}),
    }
    return TrialResult(
        arm=arm.name,
        architecture=architecture,
        trial=tested,
        labels="hard" if training_set.soft_labels is None else "soft",
        epochs=recipe.passes,
        steps=networks * cost.counts.steps,
        forwards=networks * cost.counts.forwards,
        images_seen=networks * cost.counts.images_seen,
        flops=networks * cost.flops,
        recipe=recipe.shown(training_set.view_count) | about | ({"lr_sweep": sweep} if sweep else {}),
    )
