"""How far a job is: the sum over the tasks of the stage it is in."""

from api_schemas.job_parts import Progress
from api_schemas.jobs import JobState
from service.core.queue.records import JobRecord, TaskRecord


def of_task(task: TaskRecord) -> Progress:
    """Return what the runner last said, or what was planned where it has not said anything."""
    said = task.progress
    if said is None:
        done = task.work if task.state is JobState.SUCCEEDED else 0
        return Progress(stage=task.stage, done=done, total=task.work, unit=task.unit, rate=None, eta_seconds=None)
    if task.state is JobState.RUNNING:
        return Progress.model_validate(said.model_dump(exclude={"event"}) | {"stage": task.stage})
    done = said.total if task.state is JobState.SUCCEEDED else said.done
    return Progress(stage=task.stage, done=done, total=said.total, unit=said.unit, rate=None, eta_seconds=None)


def of_job(job: JobRecord) -> Progress | None:
    """Return the progress of the first stage that is not finished, of the last one when all are."""
    unfinished = (task.stage for task in job.tasks if task.state is not JobState.SUCCEEDED)
    stage = next(unfinished, job.tasks[-1].stage if job.tasks else None)
    parts = [of_task(task) for task in job.tasks if task.stage == stage]
    if not parts:
        return None
    done, total = sum(part.done for part in parts), sum(part.total for part in parts)
    rates = [part.rate for part in parts if part.rate]
    rate = sum(rates) if rates else None
    return Progress(
        stage=parts[0].stage,
        done=done,
        total=total,
        unit=next((part.unit for part in parts if part.done), parts[0].unit),
        rate=rate,
        eta_seconds=(total - done) / rate if rate else None,
    )
