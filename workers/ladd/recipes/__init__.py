"""Deployment protocols by name (`method.recipes`), and how a caller changes fields of one."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from method.architectures import ARCHITECTURES
from method.augmentation import MIXES
from method.recipes import RECIPES, default_warmup
from method.views import REDUCTIONS
from workers.ladd.recipes.recipe import Recipe

__all__ = ["Recipe", "resolve_recipe"]

_CHANGEABLE = [*(field.name for field in fields(Recipe) if field.name != "name"), "reduction"]


def resolve_recipe(
    name: str,
    architecture: str,
    overrides: Mapping[str, Any],
    learned_lr: float | None = None,
    images: int = 0,
    num_classes: int = 1,
) -> Recipe:
    """Return the recipe `name` for an architecture, with the fields in `overrides` replaced.

    A value of None leaves a field as it is, `ema_beta` 0 switches the averaged model off, `temperature` 0 makes the
    loss the cross-entropy, and `lr` may be a mapping from architecture to learning rate, which leaves the others as
    they are. `reduction` names a `view_weight`, in whose place it is given. A `warmup_cosine` whose warm-up is not
    given warms up for half its epochs, as GLaD does, and an `ema_beta` that is not given follows the epochs
    (`RecipeRule.ema_beta_for`); another mixture brings its own temperature into a recipe that has one. Batches may
    depend on the set, which has `images` images of `num_classes` classes. Views and their weight are Eq. 5 as written.
    Raises ValueError naming field, rule and value.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    changes = {field: value for field, value in overrides.items() if value is not None}
    for field in changes:
        if field not in _CHANGEABLE:
            raise ValueError(f"overrides must be fields out of {', '.join(_CHANGEABLE)}; got {field!r}")
    rule = RECIPES[name]
    recipe = Recipe(
        name=name,
        lr=rule.lr_for(architecture, learned_lr),
        momentum=rule.momentum,
        weight_decay=rule.weight_decay,
        epochs=rule.epochs,
        batch_size=rule.batch_for(images, num_classes),
        schedule=rule.schedule,
        warmup_epochs=default_warmup(rule.schedule, rule.epochs),
        ema_beta=rule.ema_beta,
        augmentation=rule.augmentation,
        views="full",
        optimizer=rule.optimizer,
        temperature=rule.temperature,
        mix=rule.mix,
    )
    if (reduction := changes.pop("reduction", None)) is not None:
        changes["view_weight"] = _weight_of(reduction, changes.get("view_weight"))
    if isinstance(lr := changes.get("lr"), Mapping):
        changes["lr"] = _lr_for(architecture, lr, recipe.lr)
    if recipe.temperature is not None and (mix := MIXES.get(changes.get("mix", ""))) is not None:
        changes.setdefault("temperature", mix.temperature)
    for field in ("ema_beta", "temperature"):
        if changes.get(field) == 0:
            changes[field] = None
    schedule, epochs = changes.get("schedule", recipe.schedule), changes.get("epochs")
    if isinstance(epochs, int) and epochs > 0:
        changes.setdefault("ema_beta", rule.ema_beta_for(epochs))
        if schedule == "warmup_cosine":
            changes.setdefault("warmup_epochs", default_warmup(schedule, epochs))
    return replace(recipe, **changes)


def _weight_of(reduction: Any, weight: Any) -> float | None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}; got {reduction!r}")
    if weight is not None:
        raise ValueError(f"reduction names a view_weight: one of both must be given; got {reduction!r} and {weight!r}")
    return REDUCTIONS[reduction]


def _lr_for(architecture: str, lr: Mapping[str, Any], otherwise: float) -> Any:
    for named in lr:
        if named not in ARCHITECTURES:
            raise ValueError(f"lr must name architectures out of {', '.join(ARCHITECTURES)}; got {named!r}")
    return lr.get(architecture, otherwise)
