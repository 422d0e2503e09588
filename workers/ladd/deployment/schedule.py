"""The learning rate of each epoch, and when SGD forgets its momentum."""

import math

from workers.ladd.recipes.recipe import Recipe

START_FACTOR = 1e-7
"""Learning rate of the first epoch of a warm-up, as a part of the highest one (GLaD)."""

STEP_FACTOR = 0.1

_COSINE_EPOCHS = {"cosine": 1, "half_cosine": 2}
"""Half a period of the cosine, as a multiple of the epochs."""


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0.

    "warmup_cosine" is GLaD's pair of torch schedulers: linear from 1e-7 of `lr` at epoch 0 to `lr` at epoch
    `warmup_epochs`, then a cosine over the other epochs that starts one epoch later and so just misses zero.
    "step" is MTT's: a tenth of `lr` from two epochs past half-way. "cosine" is SRe2L's, from `lr` to just above zero;
    "half_cosine" RDED's, the first half of that curve: it ends at half of `lr`.
    """
    if recipe.schedule == "step":
        return recipe.lr if epoch < _step_epoch(recipe) else recipe.lr * STEP_FACTOR
    if recipe.schedule in _COSINE_EPOCHS:
        return recipe.lr * (1 + math.cos(math.pi * epoch / (_COSINE_EPOCHS[recipe.schedule] * recipe.epochs))) / 2
    if epoch < recipe.warmup_epochs:
        return recipe.lr * (START_FACTOR + (1 - START_FACTOR) * epoch / recipe.warmup_epochs)
    done = max(0, epoch - recipe.warmup_epochs - 1) / max(1, recipe.epochs - recipe.warmup_epochs)
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2


def forgets_momentum(recipe: Recipe, epoch: int) -> bool:
    """Tell whether an epoch begins with a fresh optimizer: MTT makes a new one when it lowers the learning rate."""
    return recipe.schedule == "step" and epoch == _step_epoch(recipe)


def _step_epoch(recipe: Recipe) -> int:
    # MTT changes the rate after epoch epochs // 2 + 1, counted from 0.
    return recipe.epochs // 2 + 2
