"""Networks with batch norm see whole steps."""

from typing import Any

import pytest
from torch import nn

from method.arms import ARMS
from workers.ladd.deployment.training import Training
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

from .test_training import CLASSES, gradient, network, training_set, whole_step


@pytest.mark.slow
def test_a_shortage_of_memory_is_no_reason_to_cut_a_step_with_batch_norm() -> None:
    data = training_set(3, ViewGrid(n=2), size=33)
    recipe = resolve_recipe("rded", "ResNet18BN", {"epochs": 1})
    model = network("ResNet18BN", size=33)

    def short(*given: Any) -> None:
        raise MemoryError

    handle = model.register_forward_pre_hook(short)
    with pytest.raises(MemoryError):
        Training(model, data, ARMS["ladd"], recipe, 0, "cpu", CLASSES, micro_batch=15).run()
    handle.remove()


def test_networks_with_batch_statistics_are_not_cut() -> None:
    data = training_set(3, ViewGrid(n=2), size=16)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(CLASSES))
    model(data.images)
    step = whole_step(data)
    assert gradient(model, data, step, micro_batch=15)[0] > 0
    with pytest.raises(ValueError, match="micro_batch must be at least the 15 rows"):
        gradient(model, data, step, micro_batch=14)
