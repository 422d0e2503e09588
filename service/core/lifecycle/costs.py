"""The cost of a job: the sum of its tasks' predictions, and of the use of those that finished."""

import math
from collections.abc import Sequence

from api_schemas.cost import Cost, CostName, CostParts, JobCost
from service.core.kinds import KINDS
from service.core.queue.records import JobRecord, TaskRecord


def of_job(job: JobRecord) -> JobCost | None:
    """Return the cost of a job, None for an upload. A `ladd` job that evaluates has deployment besides its parts."""
    parts = KINDS[job.kind].costs
    if not parts:
        return None
    by_part: dict[CostName, list[TaskRecord]] = {part: [] for part in parts}
    for task in job.tasks:
        if task.cost is not None:
            by_part.setdefault(task.cost.part, []).append(task)
    return JobCost(
        predicted=_parts({part: _predicted(tasks) for part, tasks in by_part.items()}),
        counted=_parts({part: _counted(tasks) for part, tasks in by_part.items()}),
    )


def _parts(costs: dict[CostName, Cost]) -> CostParts:
    return CostParts.model_validate({part.value: costs.get(part) for part in CostName})


def _predicted(tasks: Sequence[TaskRecord]) -> Cost:
    costs = [task.cost for task in tasks if task.cost is not None]
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    return Cost(
        flops=sum(cost.flops for cost in costs),
        bytes=sum(cost.bytes for cost in costs),
        seconds=math.fsum(seconds) if len(seconds) == len(costs) else None,
    )


def _counted(tasks: Sequence[TaskRecord]) -> Cost:
    # Every attempt that has ended, however it ended, held a device.
    ended = ((attempt.started_at, attempt.finished_at) for task in tasks for attempt in task.attempts)
    return Cost(
        flops=sum(task.counted_flops for task in tasks),
        bytes=sum(task.counted_bytes for task in tasks),
        seconds=math.fsum((end - start).total_seconds() for start, end in ended if end is not None),
    )
