"""The cost of a job: the sum of its tasks' predictions, and of the use of those that finished."""

import math
from collections.abc import Sequence

from api_schemas.cost import Cost, CostName, CostParts, JobCost
from service.core.kinds import KINDS
from service.core.queue.plan import TaskCost
from service.core.queue.records import JobRecord, TaskRecord


def of_job(job: JobRecord) -> JobCost | None:
    """Return the cost of a job, None for an upload and for one that is not planned yet.

    A `ladd` job that evaluates has deployment besides its parts.
    """
    predicted = of_plan(job.kind, [task.cost for task in job.tasks])
    if predicted is None or not job.tasks:
        return None
    by_part: dict[CostName, list[TaskRecord]] = {part: [] for part in KINDS[job.kind].costs}
    for task in job.tasks:
        if task.cost is not None:
            by_part.setdefault(task.cost.part, []).append(task)
    return JobCost(predicted=predicted, counted=_parts({part: _counted(tasks) for part, tasks in by_part.items()}))


def of_plan(kind: str, costs: Sequence[TaskCost | None]) -> CostParts | None:
    """Return what tasks with these costs are predicted to take together, None for an upload."""
    parts = KINDS[kind].costs
    if not parts:
        return None
    by_part: dict[CostName, list[TaskCost]] = {part: [] for part in parts}
    for cost in costs:
        if cost is not None:
            by_part.setdefault(cost.part, []).append(cost)
    return _parts({part: _predicted(found) for part, found in by_part.items()})


def _parts(costs: dict[CostName, Cost]) -> CostParts:
    return CostParts.model_validate({part.value: costs.get(part) for part in CostName})


def _predicted(costs: Sequence[TaskCost]) -> Cost:
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    ranges = [cost.seconds_range for cost in costs if cost.seconds_range is not None]
    measured = len(seconds) == len(costs)
    # A job that was planned before there were ranges has none.
    ranged = costs and len(ranges) == len(costs)
    return Cost(
        flops=sum(cost.flops for cost in costs),
        bytes=sum(cost.bytes for cost in costs),
        seconds=math.fsum(seconds) if measured else None,
        seconds_range=[math.fsum(ends) for ends in zip(*ranges, strict=True)] if ranged else None,
        basis=("measured" if measured else "nominal") if ranged else None,
    )


def _counted(tasks: Sequence[TaskRecord]) -> Cost:
    # Every attempt that has ended, however it ended, held a device.
    return Cost(
        flops=sum(task.counted_flops for task in tasks),
        bytes=sum(task.counted_bytes for task in tasks),
        seconds=math.fsum(task.held_seconds(attempt) for task in tasks for attempt in task.attempts),
    )
