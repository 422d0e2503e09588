"""Rates that workers note of themselves, and the predictions made of them."""

import pytest

from api_schemas.cost import CostName
from service.core.clients import Core
from service.core.lifecycle import rates
from service.core.queue.plan import TaskCost

TRIAL = TaskCost(CostName.DEPLOYMENT, "ViT", "exact", flops=10**12)


def seconds(core: Core, *costs: TaskCost | None) -> list[float | None]:
    return [None if cost is None else cost.seconds for cost in rates.timed(core, costs)]


def test_nothing_is_predicted_before_it_was_measured(core: Core) -> None:
    assert seconds(core, TRIAL, None) == [None, None]


def test_the_newest_rate_weighs_as_much_as_all_before(core: Core) -> None:
    rates.note(core, "cpu", TRIAL, flops=4 * 10**12, seconds=4.0)
    assert seconds(core, TRIAL) == [1.0]
    rates.note(core, "cpu", TRIAL, flops=3 * 10**12, seconds=1.0)
    assert seconds(core, TRIAL) == [pytest.approx(0.5)]


@pytest.mark.parametrize(
    "other",
    [
        TaskCost(CostName.LABELLING, "ViT", "exact", flops=1),
        TaskCost(CostName.DEPLOYMENT, "VGG11", "exact", flops=1),
        TaskCost(CostName.DEPLOYMENT, "ViT", "fast", flops=1),
    ],
)
def test_a_rate_says_nothing_about_other_work(core: Core, other: TaskCost) -> None:
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=2.0)
    assert seconds(core, TRIAL, other) == [2.0, None]


def test_the_kind_of_device_that_worked_last_is_expected_to_work(core: Core) -> None:
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=20.0)
    rates.note(core, "cuda", TRIAL, flops=10**12, seconds=0.5)
    assert seconds(core, TRIAL) == [0.5]
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=20.0)
    assert seconds(core, TRIAL) == [20.0]


def test_a_task_that_had_nothing_to_do_has_no_rate(core: Core) -> None:
    rates.note(core, "cpu", TRIAL, flops=0, seconds=1.0)
    assert seconds(core, TRIAL) == [None]
