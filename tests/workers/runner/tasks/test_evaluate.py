"""The recipe of a trial, as its task's parameters have it."""

from typing import Any

import pytest

from workers.runner.tasks.evaluate import recipe_of


@pytest.mark.parametrize(
    ("overrides", "precision"), [({}, "exact"), ({"precision": "published"}, "published"), ({"epochs": 3}, "exact")]
)
def test_a_trial_of_an_earlier_version_is_computed_as_it_was_planned(overrides: dict[str, Any], precision: str) -> None:
    params = {"recipe": "glad", "architecture": "ViT", "overrides": overrides, "learned_lr": None}
    assert recipe_of(params).precision == precision
