"""Compiled code serves the trainings that are compiled alike, and no other."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from api_schemas.runner import RunnerTask, TaskType
from workers.ladd.models import build_model
from workers.runner.between_tasks import forget_code

pytestmark = pytest.mark.slow

PARAMS = {"dataset": "ds_1", "arm": "ladd", "architecture": "ConvNetD3", "overrides": {"precision": "fast"}}


def task(**params: Any) -> RunnerTask:
    return RunnerTask(
        type=TaskType.EVALUATE, params=PARAMS | params, inputs={}, documents={}, device="cpu", threads=1, stays=True
    )


@pytest.fixture
def train() -> Callable[[], int]:
    """Run a compiled network made anew; returns how often the compiler was called since the test began."""
    torch._dynamo.reset()
    compiled = 0

    def compiler(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        nonlocal compiled
        compiled += 1
        return graph.forward

    def run() -> int:
        model = build_model("ConvNetD3", num_classes=2, channels=3, size=32, seed=0)
        torch.compile(model, backend=compiler, dynamic=False)(torch.zeros(2, 3, 32, 32))
        return compiled

    return run


def test_another_trial_is_not_compiled_again(train: Callable[[], int]) -> None:
    once = train()
    forget_code(task(trial=0, seed=1, explained_images=4), task(trial=3, seed=2, explained_images=0))
    assert train() == once > 0


@pytest.mark.parametrize("other", [{"arm": "baseline"}, {"dataset": "ds_2"}, {"overrides": {"precision": "exact"}}])
def test_what_may_be_compiled_otherwise_is_compiled_again(train: Callable[[], int], other: dict[str, Any]) -> None:
    once = train()
    forget_code(task(trial=0), task(trial=0, **other))
    assert train() == 2 * once
