"""The deployment trainings that are timed: our engine and the field's loop on the same arm, network, batch and steps.

Each works lap by lap for `benchmarks/laps.py`; a lap is a whole epoch with everything that belongs to it.
"""

from collections.abc import Callable

import torch
from random_sets import random_labelled_set
from reference_loop import SampledViews, batch_loss, equation_5_loss, flat_views, train
from torch.utils.data import DataLoader, TensorDataset

from method.arms import ARMS
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import train_trial
from workers.ladd.models import build_model
from workers.ladd.recipes import Recipe, resolve_recipe

EPOCHS = 1_000_000
"""Never reached: a training ends when nobody asks for another lap. Long enough for our engine to compile where that is
its policy for long trainings."""

Lap = Callable[[], None]


def ours(
    lap: Lap,
    *,
    architecture: str,
    size: int,
    images: int,
    arm: str,
    views: str,
    precision: str,
    device: str,
    num_classes: int = 10,
    n: int = 5,
    epochs: int = EPOCHS,
) -> None:
    """Our engine, with n x n views; a training of `epochs` epochs after the other."""
    data = random_labelled_set(images, size, num_classes, n)
    recipe = _recipe(architecture, views, precision, epochs)
    listener = Listener(on_epoch=lambda done, total, loss: lap())
    while True:
        train_trial(data, ARMS[arm], architecture, recipe, 0, device, num_classes, listener)


def reference(
    lap: Lap, *, architecture: str, size: int, images: int, arm: str, views: str, device: str, literal: bool = False
) -> None:
    """The field's loop. Of the arm "ladd" it takes images and views as one flat set, all of them in one batch, or of
    each image the whole and K drawn views ("sampled:K"); `literal`: forward by forward as Eq. 5 is printed.
    """
    data = random_labelled_set(images, size).to(torch.device(device))
    recipe = _recipe(architecture, views, "exact")
    loss, sampler = batch_loss(recipe.augmentation), None
    if arm == "baseline":
        dataset = TensorDataset(data.images, data.labels)
    else:
        assert data.dense_labels is not None
        assert data.grid is not None
        dataset = flat_views(data.images, data.labels, data.dense_labels, data.grid)
        if (drawn := recipe.views_per_image(data.view_count)) < data.view_count:
            sampler = SampledViews(images, data.view_count, drawn)
        if literal:
            dataset = TensorDataset(data.images, data.labels, data.dense_labels)
            loss = equation_5_loss(recipe.augmentation, data.grid)
    loader = DataLoader(dataset, batch_size=len(dataset), shuffle=sampler is None, sampler=sampler)
    model = build_model(architecture, num_classes=10, channels=3, size=size, seed=0).to(device)
    train(model, loader, loss, recipe, on_epoch=lap)


def _recipe(architecture: str, views: str, precision: str, epochs: int = EPOCHS) -> Recipe:
    return resolve_recipe("glad", architecture, {"epochs": epochs, "views": views, "precision": precision})
