"""The cut of a step and the predicted peak on a GPU, for a made-up amount of free memory."""

from typing import Any

import pytest
import torch

from method.arms import ARMS
from workers.ladd.deployment import cost
from workers.ladd.deployment.cost import Surroundings, TrialCost, predict_cost
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

GIB = 1 << 30


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, free: int, **overrides: Any) -> TrialCost:
    """Cost of ResNet18 under Eq. 5 on 20 images of 64 px, 200 rows a step, beside one other task."""

    def free_bytes(device: torch.device, sharers: int) -> int:
        return free // sharers

    monkeypatch.setattr(cost, "free_bytes", free_bytes)
    data = TrainingSet(torch.zeros(20, 3, 64, 64), torch.arange(20) % 10, torch.full((20, 9, 10), 0.1), ViewGrid(n=3))
    recipe = resolve_recipe("glad", "ResNet18", overrides)
    return predict_cost(data, ARMS["ladd"], "ResNet18", recipe, torch.device("cuda"), 10, Surroundings(sharers=2))


def test_rows_follow_the_free_memory_and_the_peak_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    ample, scarce = (on_a_gpu(monkeypatch, free) for free in (80 * GIB, 8 * GIB))
    assert ample.execution == Execution("tf32", "channels_last", fused=True)
    assert (ample.micro_batch, scarce.micro_batch) == (200, 100)
    assert scarce.peak_bytes <= 0.8 * 4 * GIB < ample.peak_bytes < 2 * scarce.peak_bytes


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        ({"micro_batch": 30}, 30),
        ({"micro_batch": 1_000}, 200),
        # 64 images of 128 px are 256 of 64.
        ({"deterministic": True}, 200),
        ({"deterministic": True, "batch_size": 3, "views": "sampled:1"}, 6),
    ],
)
def test_rows_that_must_not_change_do_not_ask_for_memory(
    monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any], rows: int
) -> None:
    for free in (0, 80 * GIB):
        assert on_a_gpu(monkeypatch, free, **overrides).micro_batch == rows


def test_exact_is_predicted_with_the_workspaces_of_ieee_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, published = (
        on_a_gpu(monkeypatch, 80 * GIB, precision=each, micro_batch=64) for each in ("exact", "published")
    )
    assert exact.execution == Execution()
    assert exact.peak_bytes - published.peak_bytes > GIB
