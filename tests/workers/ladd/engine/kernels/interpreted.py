"""Tests that run in Triton's interpreter: `test_interpreted.py` starts them in a process of their own.

The interpreter takes a tenth of a second for a program, so maps are small, and networks get wide programs.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from method.arms import ARMS
from tests.gpu.check_kernels import checks
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import Training
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.execution import Execution
from workers.ladd.engine.kernels import norm_relu_pool, trust
from workers.ladd.engine.kernels.fusing import FusedNorm, Unbiased, fused
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

CPU = torch.device("cpu")


@pytest.fixture
def wide_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One program an image and plane: what is tested is what the networks make of the kernels."""
    for name, value in {"TILE": 1 << 17, "CHANNELS": 512, "CHANNELS_OF_SMALL_PLANES": 512}.items():
        monkeypatch.setattr(norm_relu_pool, name, value)


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__)
def test_what_is_checked_on_a_gpu_as_well(check: Callable[[torch.device], str]) -> None:
    assert check(CPU)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["ConvNetD3", "VGG11", "ResNet18"])
def test_fused_networks_are_as_near_to_float64_as_the_plain_ones(
    architecture: str, dtype: torch.dtype, wide_programs: None
) -> None:
    assert trust.why_not_fused(network(architecture, 32), (3, 32, 32), dtype, CPU) is None


def network(architecture: str = "ConvNetD3", size: int = 8) -> nn.Module:
    return build_model(architecture, num_classes=3, channels=3, size=size, seed=0)


def test_a_fused_network_has_the_parameters_of_the_plain_one_which_stays_as_it_is(wide_programs: None) -> None:
    plain = network()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    form = repr(plain)
    images = torch.randn(2, 3, 8, 8)
    fused(plain)(images).sum().backward()
    assert {id(weights) for weights in fused(plain).parameters()} == {id(weights) for weights in plain.parameters()}
    assert repr(plain) == form
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    # Also the bias that a norm cancels has a gradient, of zeros: an optimizer's weight decay goes on as without.
    assert all(weights.grad is not None for weights in plain.parameters())


def test_all_norms_are_fused_with_what_follows_them() -> None:
    counts = {}
    for architecture in ("ConvNetD3", "VGG11", "ResNet18"):
        parts = [part for part in fused(network(architecture, 32)).modules() if isinstance(part, FusedNorm | Unbiased)]
        norms = [part for part in parts if isinstance(part, FusedNorm)]
        counts[architecture] = (len(norms), len(parts) - len(norms), sum(part.pool is not None for part in norms))
    assert counts == {"ConvNetD3": (3, 3, 3), "VGG11": (8, 8, 5), "ResNet18": (20, 0, 0)}


def test_other_norms_sums_and_poolings_are_left_alone(wide_programs: None) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(8, 8), nn.ReLU(), nn.MaxPool2d(3, stride=2))
            self.second = nn.Sequential(nn.Conv2d(8, 8, 3), nn.GroupNorm(2, 8))
            self.third = nn.Conv2d(8, 8, 1)
            self.norm = nn.GroupNorm(8, 8)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.first(images)
            convolved = self.third(maps)
            # The convolution's result is used twice, and no ReLU follows the sum.
            done: Tensor = self.norm(convolved) + self.second(maps).mean() + convolved.mean()
            return done.mean(dim=(2, 3))

    plain = Odd()
    images = torch.randn(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fused(plain)(images), plain(images))
    assert trust.why_not_fused(plain, (3, 16, 16), torch.float32, CPU) is None


def test_a_network_without_instance_norm_is_not_fused() -> None:
    reason = trust.why_not_fused(network("AlexNet"), (3, 8, 8), torch.float32, CPU)
    assert reason == "ValueError: AlexNet has no instance norm"


def trained(execution: Execution, logs: list[str]) -> tuple[list[float], Execution]:
    draws = torch.Generator().manual_seed(4)
    data = TrainingSet(torch.randn(4, 3, 8, 8, generator=draws), torch.arange(4) % 3)
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 3, "lr": 0.01, "warmup_epochs": 0})
    listener = Listener(log=logs.append)
    training = Training(network(), data, ARMS["baseline"], recipe, 0, "cpu", 3, listener, execution=execution)
    done = training.run()
    return done.losses, done.execution


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_training_with_fused_kernels_has_the_losses_of_one_without(dtype: str, wide_programs: None) -> None:
    logs: list[str] = []
    fast = Execution("bfloat16" if dtype == "bfloat16" else "float32", "channels_last", fused=True)
    losses, execution = trained(fast, logs)
    assert (execution, logs) == (fast, [])
    plain, _ = trained(Execution(), logs)
    assert losses == pytest.approx(plain, rel=2e-2 if dtype == "bfloat16" else 1e-5)
    assert losses != plain


@pytest.mark.parametrize("wrong", ["forward", "backward"])
def test_kernels_that_compute_something_else_are_not_used(
    wrong: str, wide_programs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    function: Any = norm_relu_pool._NormReluPool
    forward, backward = function.forward, function.backward

    def without_relu(ctx: Any, *arguments: Any) -> Any:
        *others, form = arguments
        return forward(ctx, *others, norm_relu_pool.Form(False, form.pooling))

    def half_the_slope(ctx: Any, gradient: Tensor) -> Any:
        return backward(ctx, gradient / 2)

    replacement = without_relu if wrong == "forward" else half_the_slope
    monkeypatch.setattr(function, wrong, staticmethod(replacement))
    monkeypatch.setattr(trust, "_checked", {})
    logs: list[str] = []
    losses, execution = trained(Execution(layout="channels_last", fused=True), logs)
    assert losses == trained(Execution(), [])[0]
    assert execution == Execution()
    assert len(logs) == 1
    assert "away from its float64 value" in logs[0]


def test_a_comparison_is_made_once_in_a_process(wide_programs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_checked", {})
    state = torch.get_rng_state()
    assert trust.why_not_fused(network(), (3, 8, 8), torch.float32, CPU) is None
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(trust, "_difference", None)
    assert trust.why_not_fused(network(), (3, 8, 8), torch.float32, CPU) is None
    assert trust.why_not_fused(network(), (3, 16, 16), torch.float32, CPU) is not None
