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


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, free: int, architecture: str = "ResNet18", **overrides: Any) -> TrialCost:
    """Cost of a network under Eq. 5 on 20 images of 64 px, 200 rows a step, beside one other task."""

    def free_bytes(device: torch.device, sharers: int) -> int:
        return free // sharers

    monkeypatch.setattr(cost, "free_bytes", free_bytes)
    data = TrainingSet(torch.zeros(20, 3, 64, 64), torch.arange(20) % 10, torch.full((20, 9, 10), 0.1), ViewGrid(n=3))
    recipe = resolve_recipe("glad", architecture, overrides)
    return predict_cost(data, ARMS["ladd"], architecture, recipe, torch.device("cuda"), 10, Surroundings(sharers=2))


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


def test_a_step_with_batch_norm_is_forwarded_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = on_a_gpu(monkeypatch, 80 * GIB, "ResNet18BN")
    assert whole.micro_batch == on_a_gpu(monkeypatch, 80 * GIB, "ResNet18BN", deterministic=True).micro_batch == 200
    enough = 2 * whole.peak_bytes + GIB
    assert on_a_gpu(monkeypatch, enough, "ResNet18BN").micro_batch == 200
    with pytest.raises(
        MemoryError, match=r"ResNet18BN .* for the 200 images and views of a step .* smaller batch_size"
    ):
        on_a_gpu(monkeypatch, whole.peak_bytes, "ResNet18BN")


def test_a_cpu_forwards_whole_steps_with_batch_norm_too() -> None:
    data = TrainingSet(torch.zeros(20, 3, 64, 64), torch.arange(20) % 10)
    costs = [
        predict_cost(data, ARMS["baseline"], each, resolve_recipe("glad", each, {}), torch.device("cpu"), 10)
        for each in ("ResNet18", "ResNet18BN")
    ]
    # 16 images of 64 px are 64 of 32.
    assert [cost.micro_batch for cost in costs] == [16, 20]


def test_exact_is_predicted_with_the_workspaces_of_ieee_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, published = (
        on_a_gpu(monkeypatch, 80 * GIB, precision=each, micro_batch=64) for each in ("exact", "published")
    )
    assert exact.execution == Execution()
    assert exact.peak_bytes - published.peak_bytes > GIB
