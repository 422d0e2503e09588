"""Deployment: train a fresh network on a label-augmented set, Eq. 5 of the LADD paper (WACV 2025).

    loss = CE(h(x), y) + sum over views j of CE(h(S_j x), y^d_j)

No DataLoader: images and labels lie on the device, views are cut as they are needed, the gradient of a step is
accumulated over micro-batches. The host waits for the device once per epoch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.ladd.arms import Arm
from workers.ladd.augment import apply_dsa
from workers.ladd.ema import MovingAverage
from workers.ladd.micro_batch import check_divisible, micro_batch_size, slices
from workers.ladd.models import build_model
from workers.ladd.precision import exact_float32
from workers.ladd.recipes.recipe import Recipe
from workers.ladd.schedule import forgets_momentum, learning_rate
from workers.ladd.seeds import derive_seed, seeded_dropout
from workers.ladd.step_plan import FULL_IMAGE, Step, Streams, plan_epoch
from workers.ladd.views import ViewGrid, extract_views


@dataclass(frozen=True)
class TrainingSet:
    """What a network is trained on.

    `images` float32 [M, C, H, W], normalised, H = W; `labels` int64 [M]; `dense_labels` float32 [M, V, C], the
    probabilities that the labeler gave view j of each image, cut by `grid` with V views. A plain distilled set has
    neither of the two. Raises ValueError when the parts do not fit together.
    """

    images: Tensor
    labels: Tensor
    dense_labels: Tensor | None = None
    grid: ViewGrid | None = None

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.ndim != 4 or self.images.shape[2] != self.images.shape[3] or not count:
            raise ValueError(f"images must be [M, C, H, H] with M of at least 1; got {list(self.images.shape)}")
        if self.labels.shape != (count,):
            raise ValueError(f"labels must be [{count}] for {count} images; got {list(self.labels.shape)}")
        if (self.dense_labels is None) != (self.grid is None):
            raise ValueError("dense_labels and grid must be given together; got one of them")
        if self.dense_labels is not None and self.dense_labels.shape[:2] != (count, self.view_count):
            shape = list(self.dense_labels.shape)
            raise ValueError(f"dense_labels must be [{count}, {self.view_count}, C] for this grid; got {shape}")

    @property
    def view_count(self) -> int:
        """Number of views of one image that have a dense label."""
        return self.grid.count if self.grid else 0

    def to(self, device: torch.device) -> "TrainingSet":
        """Return the same set with its tensors on `device`."""
        dense = None if self.dense_labels is None else self.dense_labels.to(device)
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), dense_labels=dense)

    def rows(self, image: Tensor, view: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        """Return pixels [R, C, H, W] and target probabilities [R, num_classes] of images and views, CPU int64 [R]."""
        device = self.images.device
        # Found on the CPU, so that the device is not waited for.
        cut = (view != FULL_IMAGE).nonzero().squeeze(1)
        pixels = self.images[image.to(device)]
        targets = F.one_hot(self.labels[image.to(device)], num_classes).to(pixels.dtype)
        if len(cut) and self.grid is not None and self.dense_labels is not None:
            place, views = cut.to(device), view[cut].to(device)
            pixels[place] = extract_views(pixels[place], self.grid, views[:, None]).squeeze(1)
            targets[place] = self.dense_labels[image[cut].to(device), views].to(targets.dtype)
        return pixels, targets


def train_trial(
    training_set: TrainingSet,
    arm: Arm,
    architecture: str,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    num_classes: int,
    on_epoch: Callable[[int, int, float], None] = lambda done, total, loss: None,
    on_images: Callable[[int], None] = lambda images: None,
) -> tuple[nn.Module, list[float]]:
    """Train one network from scratch; returns the network to test and the mean loss of each epoch.

    The network to test is the averaged one where the recipe has it. Initial weights, order, drawn views, augmentation
    and dropout come each from a stream of its own derived from `seed`. `on_epoch(done, total, loss)` is called after
    each epoch; `on_images` is told how many images and views each micro-batch forwarded. Raises ValueError if the arm
    needs labels that the set does not have, and for labels that are none of the classes.
    """
    channels, size = training_set.images.shape[1:3]
    model = build_model(
        architecture, num_classes=num_classes, channels=channels, size=size, seed=derive_seed(seed, "model")
    )
    return train(model, training_set, arm, recipe, seed, device, num_classes, on_epoch, on_images)


def train(
    model: nn.Module,
    training_set: TrainingSet,
    arm: Arm,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    num_classes: int,
    on_epoch: Callable[[int, int, float], None] = lambda done, total, loss: None,
    on_images: Callable[[int], None] = lambda images: None,
) -> tuple[nn.Module, list[float]]:
    """Train `model` in place, as `train_trial` does with a fresh one."""
    _check_labels(training_set, arm, num_classes)
    device = torch.device(device)
    training_set, model = training_set.to(device), model.to(device).train()
    images, _, height, width = training_set.images.shape
    micro_batch = micro_batch_size(height, width, device, recipe.micro_batch)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    average = MovingAverage(model, recipe.ema_beta) if recipe.ema_beta else None
    streams = Streams(seed)
    losses = []
    with exact_float32(), seeded_dropout(derive_seed(seed, "dropout"), device):
        for epoch in range(recipe.passes):
            if forgets_momentum(recipe, epoch):
                optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch)
            epoch_loss, samples = torch.zeros((), device=device), 0
            for step in plan_epoch(images, training_set.view_count, (height, width), arm, recipe, streams):
                optimizer.zero_grad()
                for rows, loss in accumulate(model, training_set, step, num_classes, micro_batch):
                    epoch_loss += loss * step.samples
                    on_images(rows)
                optimizer.step()
                samples += step.samples
            if average:
                average.update(model)
            losses.append(epoch_loss.item() / samples)
            on_epoch(epoch + 1, recipe.passes, losses[-1])
    return average.model if average else model, losses


def accumulate(
    model: nn.Module, training_set: TrainingSet, step: Step, num_classes: int, micro_batch: int
) -> Iterator[tuple[int, Tensor]]:
    """Add the gradient of a step's loss to the parameters; yields rows and loss of each micro-batch.

    The loss of the step is the sum of what is yielded. Raises ValueError for a network with batch statistics when
    the step does not fit into one micro-batch.
    """
    check_divisible(model, len(step.image), micro_batch)
    weights = step.weight.to(training_set.images)
    for rows in slices(len(step.image), micro_batch):
        pixels, targets = training_set.rows(step.image[rows], step.view[rows], num_classes)
        logits = model(apply_dsa(pixels, step.augmentation.rows(rows)))
        loss = F.cross_entropy(logits, targets, reduction="none") @ weights[rows]
        torch.autograd.backward(loss)
        yield len(logits), loss.detach()


def _check_labels(training_set: TrainingSet, arm: Arm, num_classes: int) -> None:
    if arm.full_images not in (None, "hard") or arm.views not in (None, "soft"):
        raise ValueError(f"arm must use the labels there are: hard ones of images, soft ones of views; got {arm}")
    lowest, highest = (int(label) for label in training_set.labels.aminmax())
    if lowest < 0 or highest >= num_classes:
        raise ValueError(f"labels must lie between 0 and {num_classes - 1}; got {lowest} to {highest}")
    if not arm.views:
        return
    if training_set.dense_labels is None:
        raise ValueError(f"dense_labels must be given for the arm {arm.name!r}; got a set without them")
    if (classes := training_set.dense_labels.shape[2]) != num_classes:
        raise ValueError(f"dense_labels must have {num_classes} classes, as the evaluation has; got {classes}")
