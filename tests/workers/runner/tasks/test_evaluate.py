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
    assert recipe_of(params).precision == precision


@pytest.mark.parametrize(("images", "classes", "batch"), [(10, 10, 10), (100, 10, 50), (10_000, 1_000, 100)])
def test_batches_of_rded_follow_the_set(images: int, classes: int, batch: int) -> None:
    params: dict[str, Any] = {"recipe": "rded", "architecture": "ResNet18BN", "overrides": {}, "learned_lr": None}
    assert recipe_of(params, images, classes).batch_size == batch
    assert recipe_of({**params, "overrides": {"batch_size": 7}}, images, classes).batch_size == 7


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
