"""How fast workers compute, noted as tasks succeed, and what that says about planned tasks."""

from collections.abc import Sequence
from dataclasses import replace

from method.precisions import EXACT, FAST, PUBLISHED
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.queue import workers
from service.core.queue.plan import TaskCost

EAGER = " eager"
"""End of the fields of rates of networks without a compiler alone."""

LATEST = "device"
"""Field of `redis_keys.RATES` with the device kind that the newest rate is of."""

NEWEST_WEIGHT = 0.5
"""Of the newest rate in the mean: a machine's speed changes with what else it does."""

MEASURED_SPREAD = 1.5
"""By how much a task may take less or longer than its rate says: other work beside it cost the demo a third
(README)."""

NOMINAL = {
    "cpu": {EXACT: (2e10, 1.5e11), PUBLISHED: (2e10, 1.5e11), FAST: (2e10, 6e11)},
    "cuda": {EXACT: (1e12, 4e13), PUBLISHED: (1e12, 1e14), FAST: (2e12, 2e14)},
}
"""{kind of device: {precision: FLOP/s, least and most}} that trainings of these networks reach where none was timed.

A CPU is one core: up to what was measured of cores with AVX-512 and AMX (`benchmarks/results/deployment_cpu.md` and
`deployment_amx.md`: 60 to 96 % of 110 to 170 GFLOP/s, in bfloat16 up to 40 % of 1.5 TFLOP/s), down to an old one that
other work shares. Of GPUs little is measured (an H200 trained ConvNetD5 at 5 to 32 TFLOP/s): from 1/8 of a T4's 8.1
TFLOP/s of float32, which has no TF32, to 60 % of an H100's 67; with TF32 to 20 % of its 495, with bfloat16 of its 989
(NVIDIA's data sheets, without sparsity).
"""


def note(core: Core, device: str, cost: TaskCost, flops: int, seconds: float, compiled: bool = False) -> None:
    """Remember that a device of this kind (`cpu`, `cuda`) took `seconds` for the `flops` of such a task.

    Of a GPU that was shared they are the task's part, so that the rate is the GPU's.
    `compiled`: whether a compiler made its network, which says nothing about networks without.
    """
    if flops <= 0 or seconds <= 0:
        return
    fields = [_field(device, cost)] + ([] if compiled else [_field(device, cost) + EAGER])
    for field in fields:
        rate, before = flops / seconds, core.redis.hget(redis_keys.RATES, field)
        if before is not None:
            # Another worker may write in between: then its rate is left out of a mean that forgets anyway.
            rate = NEWEST_WEIGHT * rate + (1 - NEWEST_WEIGHT) * float(before)
        core.redis.hset(redis_keys.RATES, mapping={field: rate, LATEST: device})


def timed(core: Core, costs: Sequence[TaskCost | None]) -> list[TaskCost | None]:
    """Fill in the seconds that tasks will take on the kind of device that worked last, else on what workers have."""
    rates = core.redis.hgetall(redis_keys.RATES)
    device = str(rates.get(LATEST) or _expected(core))

    def with_seconds(cost: TaskCost) -> TaskCost:
        rate = rates.get(_field(device, cost))
        if rate is not None:
            seconds = cost.flops / float(rate)
            return replace(cost, seconds=seconds, seconds_range=(seconds / MEASURED_SPREAD, seconds * MEASURED_SPREAD))
        slow, fast = NOMINAL[device][cost.precision]
        return replace(cost, seconds=None, seconds_range=(cost.flops / fast, cost.flops / slow))

    return [None if cost is None else with_seconds(cost) for cost in costs]


def uncompiled(core: Core, costs: Sequence[TaskCost | None]) -> list[dict[str, float]]:
    """Return {kind of device: FLOP/s} that tasks have reached without a compiler, on the kinds where any has."""
    rates = core.redis.hgetall(redis_keys.RATES)

    def of(cost: TaskCost | None) -> dict[str, float]:
        fields = {} if cost is None else {device: _field(device, cost) + EAGER for device in NOMINAL}
        return {device: float(rates[field]) for device, field in fields.items() if field in rates}

    return [of(cost) for cost in costs]


def _expected(core: Core) -> str:
    """Return the kind of device that trainings will run on, by what workers say of themselves; without any, a CPU."""
    signs = workers.alive(core.redis).values()
    return "cuda" if any("gpu" in sign.queues and sign.device == "cuda" for sign in signs) else "cpu"


def _field(device: str, cost: TaskCost) -> str:
    return f"{device} {cost.part} {cost.architecture} {cost.precision}"
