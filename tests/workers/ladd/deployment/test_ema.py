"""The averaged weights are those of the package that GLaD uses."""

import pytest
import torch
from ema_pytorch import EMA  # type: ignore[import-untyped]
from torch import nn

from workers.ladd.deployment.ema import MovingAverage


@pytest.mark.parametrize("beta", [0.995, 0.8])
def test_is_ema_pytorch_as_glad_calls_it(beta: float) -> None:
    draws = torch.Generator().manual_seed(0)
    norm = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.Linear(4, 3), norm)
    assert norm.running_mean is not None
    theirs = EMA(model, beta=beta, power=1, update_after_step=0, update_every=1)
    ours = MovingAverage(model, beta)
    for _ in range(250):
        with torch.no_grad():
            for values in (*model.parameters(), norm.running_mean):
                values.add_(torch.randn(values.shape, generator=draws))
        theirs.update()
        ours.update(model)
        for name, values in theirs.ema_model.state_dict().items():
            torch.testing.assert_close(ours.model.state_dict()[name], values, rtol=1e-5, atol=1e-5)


def test_begins_as_a_plain_mean_and_leaves_the_model_alone() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.995)
    for value in (1.0, 2.0, 6.0):
        nn.init.constant_(model.weight, value)
        average.update(model)
    assert [values.item() for values in average.model.parameters()] == [pytest.approx(3.0)]
    assert model.weight.item() == 6.0
    assert model.weight.requires_grad
    assert not any(values.requires_grad for values in average.model.parameters())
