"""Learning rates by epoch, against those of GLaD, MTT and torch."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from workers.ladd.deployment.schedule import forgets_momentum, learning_rate
from workers.ladd.recipes import resolve_recipe

# GLaD's own schedulers at lr 1e-3 over 1,000 epochs, to the digits noted when they were run.
GLAD = {0: 1e-10, 100: 2e-4, 250: 5e-4, 500: 1e-3, 501: 1e-3, 750: 5.03e-4, 900: 9.7e-5, 999: 3.9e-8}


@pytest.mark.parametrize(("epoch", "lr"), GLAD.items())
def test_glad_learning_rates(epoch: int, lr: float) -> None:
    assert learning_rate(resolve_recipe("glad", "ConvNetD5", {}), epoch) == pytest.approx(lr, rel=0.013)


@pytest.mark.parametrize("epochs", [1000, 40, 2])
def test_glad_is_torch_linear_then_cosine_switched_after_the_middle_epoch(epochs: int) -> None:
    recipe = resolve_recipe("glad", "ConvNetD5", {"epochs": epochs})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    linear = LinearLR(optimizer, start_factor=1e-7, end_factor=1.0, total_iters=epochs // 2)
    cosine = CosineAnnealingLR(optimizer, T_max=epochs // 2)
    scheduler: LRScheduler = linear
    for epoch in range(epochs):
        lr = optimizer.param_groups[0]["lr"]
        assert learning_rate(recipe, epoch) == pytest.approx(lr, rel=1e-9, abs=1e-15)
        optimizer.step()
        scheduler.step()
        if epoch == epochs // 2:
            scheduler = cosine


def test_mtt_lowers_the_rate_and_forgets_momentum_after_the_epoch_past_the_middle() -> None:
    recipe = resolve_recipe("mtt", "ConvNetD5", {"lr": 0.02})
    rates = [learning_rate(recipe, epoch) for epoch in range(recipe.passes)]
    assert rates == [0.02] * 502 + [0.02 * 0.1] * 499
    assert [epoch for epoch in range(recipe.passes) if forgets_momentum(recipe, epoch)] == [502]


def test_glad_keeps_its_momentum() -> None:
    recipe = resolve_recipe("glad", "ConvNetD5", {})
    assert not any(forgets_momentum(recipe, epoch) for epoch in range(recipe.passes))


def test_a_warm_up_of_nothing_and_of_everything() -> None:
    cold = resolve_recipe("glad", "ConvNetD5", {"epochs": 4, "warmup_epochs": 0})
    assert learning_rate(cold, 0) == 1e-3
    warm = resolve_recipe("glad", "ConvNetD5", {"epochs": 4, "warmup_epochs": 4})
    assert learning_rate(warm, 3) == pytest.approx(7.5e-4)


def test_rdeds_cosine_ends_at_half_and_sre2ls_at_nothing() -> None:
    rded, sre2l = (resolve_recipe(name, "ResNet18", {}) for name in ("rded", "sre2l"))
    assert [learning_rate(rded, epoch) for epoch in (0, 150)] == pytest.approx([1e-3, 1e-3 * (1 + 0.5**0.5) / 2])
    assert learning_rate(rded, 299) == pytest.approx(5e-4, rel=0.006)
    assert [learning_rate(sre2l, epoch) for epoch in (0, 100, 150)] == pytest.approx([1e-3, 7.5e-4, 5e-4])
    assert 0 < learning_rate(sre2l, 299) < 1e-7
    assert not any(forgets_momentum(recipe, epoch) for recipe in (rded, sre2l) for epoch in range(300))
