"""How fast workers compute, noted as tasks succeed, and what that says about planned tasks."""

from collections.abc import Sequence
from dataclasses import replace

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.queue.plan import TaskCost

LATEST = "device"
"""Field of `redis_keys.RATES` with the device kind that the newest rate is of."""

NEWEST_WEIGHT = 0.5
"""Of the newest rate in the mean: a machine's speed changes with what else it does."""


def note(core: Core, device: str, cost: TaskCost, flops: int, seconds: float) -> None:
    """Remember that a device of this kind (`cpu`, `cuda`) took `seconds` for the `flops` of such a task."""
    if flops <= 0 or seconds <= 0:
        return
    field = _field(device, cost)
    before = core.redis.hget(redis_keys.RATES, field)
    rate = flops / seconds
    if before is not None:
        # Another worker may write in between: then its rate is left out of a mean that forgets anyway.
        rate = NEWEST_WEIGHT * rate + (1 - NEWEST_WEIGHT) * float(before)
    core.redis.hset(redis_keys.RATES, mapping={field: rate, LATEST: device})


def timed(core: Core, costs: Sequence[TaskCost | None]) -> list[TaskCost | None]:
    """Fill in the seconds that tasks will take on the kind of device that worked last, where its rate is known."""
    rates = core.redis.hgetall(redis_keys.RATES)
    device = str(rates.get(LATEST, ""))

    def with_seconds(cost: TaskCost) -> TaskCost:
        rate = rates.get(_field(device, cost))
        return replace(cost, seconds=None if rate is None else cost.flops / float(rate))

    return [None if cost is None else with_seconds(cost) for cost in costs]


def _field(device: str, cost: TaskCost) -> str:
    return f"{device} {cost.part} {cost.architecture} {cost.precision}"
