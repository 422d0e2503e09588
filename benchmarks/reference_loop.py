"""The eager loop that the field trains and evaluates with: what our engine is measured against.

Stands for `evaluate_synset` and `epoch` of GLaD (`utils.py`; of MTT's, DC's and DSA's it differs in schedule and EMA):
one model, a DataLoader without workers over tensors that lie on the device, DSA on every batch, whole batches forwarded
at once, loss and accuracy fetched from the device after each, torch's SGD and schedulers, a moving average of the
weights once an epoch, a test at the end. Written for this comparison. Two forms of Eq. 5: `flat_views` makes a set of
all images and views, gone through the DataLoader's way; `equation_5_loss` forwards a batch once for the images and once
for each view before its one backward pass.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from reference_dsa import augment
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler
from torch.utils.data import DataLoader, Sampler, TensorDataset

from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes.recipe import Recipe

TEST_BATCH = 128
"""GLaD's `batch_test`."""

Batch = list[Tensor]
BatchLoss = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]
"""From a model and a batch to the loss and the logits whose accuracy is counted."""


@dataclass(frozen=True)
class Trained:
    """The averaged model, the mean loss of each epoch, and the accuracy in percent (None without a test set)."""

    model: nn.Module
    losses: list[float]
    accuracy: float | None


def train(
    model: nn.Module,
    loader: DataLoader[tuple[Tensor, ...]],
    batch_loss: BatchLoss,
    recipe: Recipe,
    test: TensorDataset | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> Trained:
    """Train `model` in place with GLaD's protocol: the numbers are the recipe's; its epochs are even."""
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    half = recipe.epochs // 2
    scheduler: LRScheduler = LinearLR(optimizer, start_factor=1e-7, end_factor=1.0, total_iters=half)
    cosine = CosineAnnealingLR(optimizer, T_max=half)
    average = copy.deepcopy(model).requires_grad_(False)
    losses = []
    for epoch in range(recipe.epochs):
        losses.append(train_epoch(model, loader, batch_loss, optimizer)[0])
        follow(average, model, min(recipe.ema_beta or 0.0, 1 - 1 / (epoch + 1)))
        scheduler.step()
        if epoch == half:
            scheduler = cosine
        on_epoch()
    return Trained(average, losses, None if test is None else accuracy_on(average, test))


def train_epoch(
    model: nn.Module,
    loader: DataLoader[tuple[Tensor, ...]],
    batch_loss: BatchLoss,
    optimizer: torch.optim.Optimizer,
) -> tuple[float, float]:
    """Go through the set once; returns the mean loss and the accuracy in percent. Waits for the device every batch."""
    model.train()
    loss_sum, right, seen = 0.0, 0, 0
    for batch in loader:
        loss, logits = batch_loss(model, batch)
        labels = batch[1] if batch[1].ndim == 1 else batch[1].argmax(dim=1)
        right += np.sum(np.equal(np.argmax(logits.cpu().data.numpy(), axis=-1), labels.cpu().data.numpy()))
        loss_sum += loss.item() * len(labels)
        seen += len(labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return loss_sum / seen, 100 * right / seen


def accuracy_on(model: nn.Module, test: TensorDataset) -> float:
    """Return the accuracy in percent on images and labels."""
    model.eval()
    right = 0
    with torch.no_grad():
        for images, labels in DataLoader(test, batch_size=TEST_BATCH):
            right += np.sum(np.equal(np.argmax(model(images).cpu().numpy(), axis=-1), labels.cpu().numpy()))
    return 100 * float(right) / len(test)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move every weight of `average` to those of `model` by 1 - decay, one after the other, as ema_pytorch does."""
    for mean, current in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)


def batch_loss(strategy: str) -> BatchLoss:
    """Mean cross-entropy of a batch [pixels, labels or probabilities] after DSA."""

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = model(augment(batch[0], strategy))
        return F.cross_entropy(logits, batch[1]), logits

    return loss


def equation_5_loss(strategy: str, grid: ViewGrid) -> BatchLoss:
    """Eq. 5 as printed, on a batch [images, labels, dense labels]: one forward for the images, one for each view."""

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        images, labels, dense = batch
        logits = model(augment(images, strategy))
        total = F.cross_entropy(logits, labels)
        for view in range(grid.count):
            total = total + F.cross_entropy(model(augment(cut(images, grid, view), strategy)), dense[:, view])
        return total, logits

    return loss


def cut(images: Tensor, grid: ViewGrid, view: int) -> Tensor:
    """One view [B, C, H, W] of images [B, C, H, W]."""
    height, width = images.shape[2:]
    top, left = grid.offsets(height)[view // grid.n], grid.offsets(width)[view % grid.n]
    crop = images[:, :, top : top + grid.crop_side(height), left : left + grid.crop_side(width)]
    return F.interpolate(crop, size=(height, width), mode="bilinear", align_corners=False, antialias=False)


def flat_views(images: Tensor, labels: Tensor, dense_labels: Tensor, grid: ViewGrid) -> TensorDataset:
    """Return all images, then all views, image by image, with probabilities [(1 + V) M, classes] as their targets."""
    classes = dense_labels.shape[2]
    views = torch.stack([cut(images, grid, view) for view in range(grid.count)], dim=1).flatten(0, 1)
    targets = F.one_hot(labels, classes).to(dense_labels.dtype)
    return TensorDataset(torch.cat([images, views]), torch.cat([targets, dense_labels.flatten(0, 1)]))


class SampledViews(Sampler[int]):
    """Of a set made by `flat_views`: each epoch all images and `drawn` different views of each, in random order."""

    def __init__(self, images: int, views: int, drawn: int) -> None:
        self._images, self._views, self._drawn = images, views, drawn

    def __len__(self) -> int:
        return self._images * (1 + self._drawn)

    def __iter__(self) -> Iterator[int]:
        chosen = torch.rand(self._images, self._views).argsort(dim=1)[:, : self._drawn]
        places = self._images + torch.arange(self._images)[:, None] * self._views + chosen
        rows = torch.cat([torch.arange(self._images), places.flatten()])
        yield from rows[torch.randperm(len(rows))].tolist()
