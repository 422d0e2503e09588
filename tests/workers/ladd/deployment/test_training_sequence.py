"""Whole trainings against the loop of the public code bases, written plainly: one image at a time is cut, one batch is
forwarded whole, torch's own schedulers and optimizer and ema_pytorch do the rest. Both draw the same random numbers,
and both run in float64, where another order of summation does not show.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ema_pytorch import EMA  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from method.arms import ARMS
from method.augmentation import STRATEGY
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.dsa import apply_dsa, draw_dsa
from workers.ladd.engine.seeds import derive_seed, generator
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

pytestmark = pytest.mark.slow

# VGG11 takes no less than 32 px; the others are faster at 16.
SIZES = {"ConvNetD3": 16, "AlexNet": 16, "VGG11": 32, "ResNet18": 16, "ViT": 16}
# One rate per network at which a few epochs change the loss visibly and rounding does not grow.
RATES = {"ConvNetD3": 1e-2, "AlexNet": 1e-2, "VGG11": 1e-4, "ResNet18": 1e-4, "ViT": 1e-3}
# Three images make a whole batch and a part of one, four passes have a falling rate and MTT's fresh momentum; the large
# networks have one batch and three passes, for the time they take.
IMAGES = {"ConvNetD3": 3, "AlexNet": 2, "VGG11": 2, "ResNet18": 2, "ViT": 2}
CLASSES, BATCH, SEED = 4, 2, 17


def training_set(name: str) -> TrainingSet:
    images, size = IMAGES[name], SIZES[name]
    draws = torch.Generator().manual_seed(11)
    return TrainingSet(
        images=torch.randn(images, 3, size, size, generator=draws, dtype=torch.float64),
        labels=torch.arange(images) % CLASSES,
        dense_labels=torch.randn(images, 4, CLASSES, generator=draws, dtype=torch.float64).softmax(dim=2),
        grid=ViewGrid(n=2),
    )


def network(name: str) -> nn.Module:
    return build_model(
        name, num_classes=CLASSES, channels=3, size=SIZES[name], seed=derive_seed(SEED, "model")
    ).double()


def cut(image: Tensor, view: int) -> Tensor:
    """View 0 to 3 of an image [3, H, H], in the grid of 2 x 2 views at R = 0.625."""
    size = image.shape[1]
    side = size * 5 // 8
    top, left = (size - side) * (view // 2), (size - side) * (view % 2)
    crop = image[None, :, top : top + side, left : left + side]
    return F.interpolate(crop, size=(size, size), mode="bilinear", align_corners=False, antialias=False)[0]


class PlainLoop:
    """`evaluate_synset` of GLaD (`glad`) and MTT (`mtt`), with Eq. 5 in one of its three forms as the loss."""

    def __init__(self, name: str, recipe: str, views: str, reduction: str, lr: float, epochs: int) -> None:
        self.data = training_set(name)
        self.recipe, self.views, self.reduction, self.lr, self.epochs = recipe, views, reduction, lr, epochs
        names = ("order", "views", "augmentation", "family")
        self.order, self.choice, self.draws, self.family = (generator(SEED, name) for name in names)
        self.model = network(name)

    def run(self) -> tuple[nn.Module, list[float]]:
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(SEED, "dropout"))
            return self.glad() if self.recipe == "glad" else self.mtt()

    def optimizer(self, lr: float) -> torch.optim.SGD:
        return torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9, weight_decay=0.0005, foreach=False)

    def glad(self) -> tuple[nn.Module, list[float]]:
        optimizer = self.optimizer(self.lr)
        linear = LinearLR(optimizer, start_factor=1e-7, end_factor=1.0, total_iters=self.epochs // 2)
        cosine = CosineAnnealingLR(optimizer, T_max=self.epochs // 2)
        scheduler: LRScheduler = linear
        average = EMA(self.model, beta=0.995, power=1, update_after_step=0, update_every=1)
        losses = []
        for epoch in range(self.epochs):
            losses.append(self.epoch(optimizer))
            average.update()
            scheduler.step()
            if epoch == self.epochs // 2:
                scheduler = cosine
        return average.ema_model, losses

    def mtt(self) -> tuple[nn.Module, list[float]]:
        optimizer = self.optimizer(self.lr)
        losses = []
        for epoch in range(self.epochs + 1):
            losses.append(self.epoch(optimizer))
            if epoch == self.epochs // 2 + 1:
                optimizer = self.optimizer(self.lr * 0.1)
        return self.model, losses

    def epoch(self, optimizer: torch.optim.SGD) -> float:
        self.model.train()
        total = 0.0
        for loss, members in self.pool_batches() if self.views == "pool" else self.image_batches():
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * members
        return total / len(self.data.images)

    def forward(self, rows: list[Tensor]) -> Tensor:
        inputs = torch.stack(rows)
        size = inputs.shape[2]
        logits: Tensor = self.model(
            apply_dsa(inputs, draw_dsa(len(rows), (size, size), self.draws, STRATEGY, self.family))
        )
        return logits

    def image_batches(self) -> Iterator[tuple[Tensor, int]]:
        images, labels, dense = self.data.images, self.data.labels, self.data.dense_labels
        assert dense is not None
        order = torch.randperm(len(images), generator=self.order).tolist()
        for start in range(0, len(images), BATCH):
            batch = order[start : start + BATCH]
            chosen = [list(range(4)) for _ in batch]
            scale = 1.0
            if self.views.startswith("sampled:"):
                drawn = int(self.views.removeprefix("sampled:"))
                scores = torch.rand(len(batch), 4, generator=self.choice)
                chosen = [sorted(range(4), key=scores[row].__getitem__)[:drawn] for row in range(len(batch))]
                scale = 4 / drawn
            views = [cut(images[image], j) for image, those in zip(batch, chosen, strict=True) for j in those]
            logits = self.forward([images[image] for image in batch] + views)
            loss = F.cross_entropy(logits[: len(batch)], labels[batch])
            row = len(batch)
            for image, those in zip(batch, chosen, strict=True):
                for j in those:
                    term = -(dense[image, j] * logits[row].log_softmax(dim=0)).sum() * scale / len(batch)
                    loss = loss + (term if self.reduction == "sum" else term / 4)
                    row += 1
            yield loss, len(batch)

    def pool_batches(self) -> Iterator[tuple[Tensor, int]]:
        images, labels, dense = self.data.images, self.data.labels, self.data.dense_labels
        assert dense is not None
        rows = []
        for image in range(len(images)):
            rows.append((images[image], F.one_hot(labels[image], CLASSES).double()))
            rows.extend((cut(images[image], j), dense[image, j]) for j in range(4))
        drawn = torch.randperm(len(rows), generator=self.order)[: len(images)].tolist()
        for start in range(0, len(images), BATCH):
            # Full images first, as the draws of their augmentation go.
            batch = [rows[row] for row in sorted(drawn[start : start + BATCH], key=lambda row: row % 5 != 0)]
            logits = self.forward([pixels for pixels, _ in batch])
            terms = [-(target * logits[i].log_softmax(dim=0)).sum() for i, (_, target) in enumerate(batch)]
            yield torch.stack(terms).mean(), len(batch)


@pytest.mark.parametrize("recipe", ["glad", "mtt"])
@pytest.mark.parametrize("views", ["full", "sampled:2", "pool"])
@pytest.mark.parametrize("name", SIZES)
def test_losses_and_weights_are_those_of_the_plain_loop(name: str, views: str, recipe: str) -> None:
    reduction = "mean" if recipe == "mtt" else "sum"
    passes = 4 if name == "ConvNetD3" else 3
    epochs = passes if recipe == "glad" else passes - 1
    plain_model, plain = PlainLoop(name, recipe, views, reduction, RATES[name], epochs).run()
    overrides: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": BATCH,
        "lr": RATES[name],
        "views": views,
        "reduction": reduction,
        # So few epochs of GLaD's would have no average.
        "ema_beta": 0.995 if recipe == "glad" else None,
        # Dropout masks are drawn micro-batch by micro-batch: only a whole step has those of the plain loop.
        "micro_batch": 100 if name == "ViT" else 1 if views == "pool" else 4,
    }
    fresh = network(name)
    begun = weights(fresh)
    trained = Training(
        fresh, training_set(name), ARMS["ladd"], resolve_recipe(recipe, name, overrides), SEED, "cpu", CLASSES
    ).run()
    assert trained.losses == pytest.approx(plain, rel=1e-6)
    assert len(set(trained.losses)) == len(trained.losses) == passes
    expected = weights(plain_model)
    # Compared with the way the weights have gone, not with their size.
    assert (weights(trained.model) - expected).norm() / (expected - begun).norm() < 1e-6


def weights(model: nn.Module) -> Tensor:
    return torch.cat([values.flatten() for values in model.state_dict().values()]).clone()
