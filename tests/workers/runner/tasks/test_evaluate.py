"""The recipe of a trial and what is around it, as its task has them."""

from typing import Any

import pytest

from api_schemas.runner import RunnerTask, TaskType
from workers.ladd.deployment.cost import ALONE, Surroundings
from workers.runner.tasks.evaluate import recipe_of, surroundings_of


@pytest.mark.parametrize(
    ("overrides", "precision"), [({}, "exact"), ({"precision": "published"}, "published"), ({"epochs": 3}, "exact")]
)
def test_a_trial_of_an_earlier_version_is_computed_as_it_was_planned(overrides: dict[str, Any], precision: str) -> None:
    params = {"recipe": "glad", "architecture": "ViT", "overrides": overrides, "learned_lr": None}
    recipe = recipe_of(params)
    # 0.995 however few epochs there are.
    assert (recipe.precision, recipe.ema_beta) == (precision, 0.995)


def test_a_trial_has_the_average_that_was_planned() -> None:
    params = {"recipe": "glad", "architecture": "ViT", "learned_lr": None}
    assert recipe_of(params | {"overrides": {"epochs": 3, "ema_beta": 0}}).ema_beta is None
    assert recipe_of(params | {"overrides": {"epochs": 24, "ema_beta": 0.8}}).ema_beta == 0.8
    assert recipe_of(params | {"recipe": "mtt", "overrides": {"epochs": 3}}).ema_beta is None


@pytest.mark.parametrize(
    ("params", "slots", "around"),
    [
        ({}, 1, ALONE),
        ({"alike": 10, "rates": {"cpu": 5e10, "cuda": 1e13}}, 1, Surroundings(10, 1e13)),
        # Four slots that begin together compile four times.
        ({"alike": 10, "rates": {"cpu": 5e10}}, 4, Surroundings(2)),
        ({"alike": 3, "rates": {}}, 4, Surroundings(1)),
    ],
)
def test_trials_of_a_slot_share_what_is_compiled(params: dict[str, Any], slots: int, around: Surroundings) -> None:
    task = RunnerTask(
        type=TaskType.EVALUATE, params=params, inputs={}, documents={}, device="cuda", threads=1, slots=slots
    )
    assert surroundings_of(task) == around
