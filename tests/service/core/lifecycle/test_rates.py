"""Rates that workers note of themselves, and the predictions made of them."""

import pytest

from api_schemas.cost import CostName
from service.core.clients import Core
from service.core.lifecycle import rates
from service.core.queue import workers
from service.core.queue.plan import TaskCost
from service.core.queue.workers import Sign

TRIAL = TaskCost(CostName.DEPLOYMENT, "ViT", "exact", flops=10**12)


def seconds(core: Core, *costs: TaskCost | None) -> list[float | None]:
    return [None if cost is None else cost.seconds for cost in rates.timed(core, costs)]


def test_before_it_was_measured_the_device_is_taken_at_its_nominal_speed(core: Core) -> None:
    assert seconds(core, TRIAL, None) == [None, None]
    [cost, _] = rates.timed(core, [TRIAL, None])
    assert cost is not None
    # 10^12 FLOPs on a core of 20 to 150 GFLOP/s.
    assert cost.seconds_range == pytest.approx((10**12 / 1.5e11, 10**12 / 2e10))


def test_what_was_measured_may_take_half_as_long_again(core: Core) -> None:
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=3.0)
    [cost] = rates.timed(core, [TRIAL])
    assert cost is not None
    assert (cost.seconds, cost.seconds_range) == (3.0, (2.0, 4.5))


def test_a_gpu_that_has_shown_itself_is_taken_for_other_work_too(core: Core) -> None:
    rates.note(core, "cuda", TRIAL, flops=10**12, seconds=0.5)
    [cost] = rates.timed(core, [TaskCost(CostName.LABELLING, "ViT", "fast", flops=10**14)])
    assert cost is not None
    assert (cost.seconds, cost.seconds_range) == (None, (0.5, 50.0))


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


def test_a_gpu_that_a_worker_has_is_expected_to_work(core: Core) -> None:
    workers.beat(core.redis, "a", Sign({"cpu": 1}, device="cpu"))
    assert rates.timed(core, [TRIAL])[0].seconds_range[1] == 10**12 / 2e10  # type: ignore[index,union-attr]
    workers.beat(core.redis, "b", Sign({"gpu": 0}, device="cuda"))
    assert rates.timed(core, [TRIAL])[0].seconds_range[1] == 1.0  # type: ignore[index,union-attr]


def test_the_speed_without_a_compiler_is_kept_apart(core: Core) -> None:
    assert rates.uncompiled(core, [TRIAL, None]) == [{}, {}]
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=4.0)
    rates.note(core, "cuda", TRIAL, flops=10**12, seconds=1.0, compiled=True)
    rates.note(core, "cpu", TRIAL, flops=10**12, seconds=2.0, compiled=True)
    assert rates.uncompiled(core, [TRIAL, None]) == [{"cpu": 2.5e11}, {}]
    assert seconds(core, TRIAL) == [pytest.approx(10**12 / 3.75e11)]
