"""Trainings of one kind are those that take equally long."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.lifecycle.tasks import ClaimedTask
from tests.service.core.hand import Hand
from workers.supervisor.training_kind import kind_of


@pytest.fixture
def trial(core: Core, tmp_path: Path) -> ClaimedTask:
    hand = Hand(core, tmp_path)
    dataset = hand.ready_set(source_dataset=hand.ready_set("source"))
    job = hand.submit("evaluate", dataset=dataset, arms=["baseline"], architectures=["ResNet18"], trials=1)
    return hand.claim(job.id, "evaluate:baseline:ResNet18:0")


def changed(trial: ClaimedTask, /, overrides: dict[str, Any] | None = None, **params: Any) -> ClaimedTask:
    return replace(trial, params={**trial.params, **params, "overrides": trial.params["overrides"] | (overrides or {})})


@pytest.mark.parametrize(
    "changes",
    [
        {"trial": 1},
        {"seed": 5},
        {"dataset": "ds_other"},
        {"overrides": {"lr": 0.1, "weight_decay": 0.0}},
        {"overrides": {"view_weight": 3.0, "seed_rule": 1}},
        {"overrides": {"reduction": "mean"}},
    ],
)
def test_of_one_kind(trial: ClaimedTask, changes: dict[str, Any]) -> None:
    assert kind_of(trial) == kind_of(changed(trial, **changes)) is not None


@pytest.mark.parametrize(
    "changes", [{"arm": "ladd"}, {"recipe": "mtt"}, {"overrides": {"batch_size": 7}}, {"overrides": {"views": "full"}}]
)
def test_of_another(trial: ClaimedTask, changes: dict[str, Any]) -> None:
    assert kind_of(trial) != kind_of(changed(trial, **changes))


@pytest.mark.parametrize("changes", [{"flops": 1}, {"architecture": "ViT"}, {"precision": "fast"}])
def test_of_another_cost(trial: ClaimedTask, changes: dict[str, Any]) -> None:
    assert trial.cost is not None
    assert kind_of(trial) != kind_of(replace(trial, cost=replace(trial.cost, **changes)))
    assert kind_of(trial) == kind_of(replace(trial, cost=replace(trial.cost, seconds=3.0)))


def test_of_none(trial: ClaimedTask) -> None:
    assert kind_of(replace(trial, type=TaskType.TRAIN_LABELER)) is None
    assert kind_of(replace(trial, cost=None)) is None
