"""Deployment protocols by name, and how a caller changes fields of one."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from workers.ladd.models import ARCHITECTURES
from workers.ladd.recipes.datm import datm
from workers.ladd.recipes.glad import glad
from workers.ladd.recipes.mtt import mtt
from workers.ladd.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "resolve_recipe"]

RECIPES: dict[str, Callable[[str, float | None], Recipe]] = {"glad": glad, "mtt": mtt, "datm": datm}

_CHANGEABLE = [field.name for field in fields(Recipe) if field.name != "name"]


def resolve_recipe(
    name: str, architecture: str, overrides: Mapping[str, Any], learned_lr: float | None = None
) -> Recipe:
    """Return the recipe `name` for an architecture, with the fields in `overrides` replaced.

    A value of None leaves a field as it is, `ema_beta` 0 switches the averaged model off, and `lr` may be a mapping
    from architecture to learning rate, which leaves the others as they are. A cosine schedule whose warm-up is not
    given warms up for half its epochs, as GLaD does. Raises ValueError naming field, rule and value.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    changes = {field: value for field, value in overrides.items() if value is not None}
    for field in changes:
        if field not in _CHANGEABLE:
            raise ValueError(f"overrides must be fields out of {', '.join(_CHANGEABLE)}; got {field!r}")
    recipe = RECIPES[name](architecture, learned_lr)
    if isinstance(lr := changes.get("lr"), Mapping):
        changes["lr"] = _lr_for(architecture, lr, recipe.lr)
    if changes.get("ema_beta") == 0:
        changes["ema_beta"] = None
    if changes.get("schedule", recipe.schedule) == "warmup_cosine" and isinstance(changes.get("epochs"), int):
        changes.setdefault("warmup_epochs", changes["epochs"] // 2)
    return replace(recipe, **changes)


def _lr_for(architecture: str, lr: Mapping[str, Any], otherwise: float) -> Any:
    for named in lr:
        if named not in ARCHITECTURES:
            raise ValueError(f"lr must name architectures out of {', '.join(ARCHITECTURES)}; got {named!r}")
    return lr.get(architecture, otherwise)
