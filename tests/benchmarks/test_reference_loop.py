"""The field's loop, as the benchmarks have it, trains the very networks that our engine trains."""

from dataclasses import replace

import pytest
import torch
from random_sets import random_labelled_set
from reference_loop import (
    BatchLoss,
    SampledViews,
    accuracy_on,
    batch_loss,
    equation_5_loss,
    flat_views,
    train,
    train_epoch,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from method.arms import ARMS
from workers.ladd.deployment.training import train_trial
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.inference import measure_accuracy
from workers.ladd.engine.seeds import derive_seed
from workers.ladd.models import build_model
from workers.ladd.recipes import Recipe, resolve_recipe

SEED, CLASSES, SIZE, IMAGES, EPOCHS = 4, 3, 16, 3, 6
# At these rates a few epochs change the loss visibly and rounding does not grow.
RATES = {"ConvNetD3": 1e-2, "AlexNet": 1e-2}


def recipe_for(architecture: str) -> Recipe:
    changes = {"epochs": EPOCHS, "lr": RATES[architecture], "augmentation": "none"}
    return resolve_recipe("glad", architecture, changes)


def fresh(architecture: str) -> nn.Module:
    return build_model(architecture, num_classes=CLASSES, channels=3, size=SIZE, seed=derive_seed(SEED, "model"))


def engine(data: TrainingSet, arm: str, architecture: str) -> tuple[nn.Module, list[float]]:
    trained = train_trial(data, ARMS[arm], architecture, recipe_for(architecture), SEED, "cpu", CLASSES)
    return trained.model, trained.losses


def flat(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def reference(
    architecture: str, dataset: TensorDataset, loss: BatchLoss, recipe: Recipe, test: TensorDataset | None = None
) -> tuple[nn.Module, list[float], float | None]:
    loader = DataLoader(dataset, batch_size=len(dataset), shuffle=True)
    trained = train(fresh(architecture), loader, loss, recipe, test)
    return trained.model, trained.losses, trained.accuracy


def assert_same(ours: tuple[nn.Module, list[float]], theirs: tuple[nn.Module, list[float]], architecture: str) -> None:
    """Losses of every epoch and tested weights agree, after a training that moved both."""
    assert len(ours[1]) == EPOCHS
    assert abs(ours[1][-1] / ours[1][0] - 1) > 1e-3
    torch.testing.assert_close(torch.tensor(theirs[1]), torch.tensor(ours[1]), rtol=2e-5, atol=0)
    start = flat(fresh(architecture))
    moved = (flat(ours[0]) - start).norm()
    assert (flat(theirs[0]) - flat(ours[0])).norm() < 1e-3 * moved


@pytest.mark.parametrize("architecture", RATES)
def test_baseline(architecture: str) -> None:
    data = random_labelled_set(IMAGES, SIZE, CLASSES, n=2)
    test = random_labelled_set(40, SIZE, CLASSES, n=1)
    ours = engine(data, "baseline", architecture)
    model, losses, accuracy = reference(
        architecture,
        TensorDataset(data.images, data.labels),
        batch_loss("none"),
        recipe_for(architecture),
        TensorDataset(test.images, test.labels),
    )
    assert_same(ours, (model, losses), architecture)
    with torch.inference_mode():
        logits = ours[0].eval()(test.images)
    assert accuracy == measure_accuracy(logits, test.labels, CLASSES)[0]


def test_equation_5_forward_by_forward() -> None:
    data = random_labelled_set(IMAGES, SIZE, CLASSES, n=2)
    assert data.dense_labels is not None
    assert data.grid is not None
    dataset = TensorDataset(data.images, data.labels, data.dense_labels)
    loss = equation_5_loss("none", data.grid)
    model, losses, _ = reference("ConvNetD3", dataset, loss, recipe_for("ConvNetD3"))
    assert_same(engine(data, "ladd", "ConvNetD3"), (model, losses), "ConvNetD3")


def test_equation_5_as_one_flat_batch() -> None:
    """The mean over the 5 rows of an image in place of their sum: the same training at 5 times the rate and a fifth of
    the weight decay."""
    data = random_labelled_set(IMAGES, SIZE, CLASSES, n=2)
    assert data.dense_labels is not None
    assert data.grid is not None
    recipe = recipe_for("ConvNetD3")
    recipe = replace(recipe, lr=5 * recipe.lr, weight_decay=recipe.weight_decay / 5)
    dataset = flat_views(data.images, data.labels, data.dense_labels, data.grid)
    assert len(dataset) == IMAGES * 5
    model, losses, _ = reference("ConvNetD3", dataset, batch_loss("none"), recipe)
    assert_same(engine(data, "ladd", "ConvNetD3"), (model, [5 * loss for loss in losses]), "ConvNetD3")


def test_an_epoch_reports_the_mean_over_its_images() -> None:
    data = random_labelled_set(5, SIZE, CLASSES, n=1)
    model = fresh("ConvNetD3")
    # A rate so small that the weights stay what they are.
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    dataset = TensorDataset(data.images, data.labels)
    loss, accuracy = train_epoch(model, DataLoader(dataset, batch_size=2), batch_loss("none"), optimizer)
    logits = model(data.images)
    assert loss == pytest.approx(float(nn.functional.cross_entropy(logits, data.labels).detach()), rel=1e-5)
    assert accuracy == accuracy_on(model, dataset) == measure_accuracy(logits, data.labels, CLASSES)[0]


def test_sampled_views_are_different_ones_of_every_image_in_every_epoch() -> None:
    sampler = SampledViews(images=3, views=25, drawn=5)
    epochs = [list(sampler) for _ in range(4)]
    for rows in epochs:
        assert len(rows) == len(set(rows)) == len(sampler) == 18
        assert {row for row in rows if row < 3} == {0, 1, 2}
        assert sorted((row - 3) // 25 for row in rows if row >= 3) == [0] * 5 + [1] * 5 + [2] * 5
    assert len({frozenset(rows) for rows in epochs}) == 4
