"""Jobs as callers see them."""

from collections.abc import Mapping, Sequence

from api_schemas.evaluation import Report
from api_schemas.job_parts import QueuePlace
from api_schemas.jobs import Job, JobLinks, JobResult, JobState, Task
from api_schemas.problems import ErrorCode
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.lifecycle import costs
from service.core.lifecycle.planning import awaiting
from service.core.lifecycle.reports import report_key
from service.core.queue import workers
from service.core.queue.records import JobRecord, TaskRecord, timestamp
from service.core.queue.workers import Sign
from service.core.resources import progress
from service.core.resources.queue_places import places


def shown(core: Core, job: JobRecord) -> Job:
    """Return a job with its whole result."""
    signs = workers.alive(core.redis)
    result = _made_so_far(job) if job.result is None else _stored_result(core, job, job.result)
    if result is not None and _has_report(job):
        document = core.storage.get_json(report_key(job.id))
        if document is not None:
            report = Report.model_validate(document)
            result = result.model_copy(update={"evaluation": report.evaluation, "labelling": report.labelling})
    whole = _shown(job, result, signs, places(core, [job], signs))
    waiting = _waiting_for_labeler(core, job)
    return whole if waiting is None else whole.model_copy(update={"waiting": waiting})


def _waiting_for_labeler(core: Core, job: JobRecord) -> str | None:
    """Say which other job trains the labeler that this one is about to train, and then takes."""
    for task in job.tasks:
        if task.type is TaskType.TRAIN_LABELER and task.state is JobState.QUEUED:
            maker = core.store.maker(task)
            if maker not in (None, job.id):
                return f"{maker} trains {task.makes}, which this job takes when it is there"
    return None


def listed(core: Core, jobs: Sequence[JobRecord]) -> list[Job]:
    """Return jobs for a listing: without what may be long, such as a loss for every epoch of an evaluation.

    Of a job that ended before its summary was noted, the storage is asked once; while that does not answer, storage and
    FLOPs are left out of the result.
    """
    signs = workers.alive(core.redis)
    found, answers = places(core, jobs, signs), True
    shown = []
    for job in jobs:
        result = job.summary or _made_so_far(job)
        if job.result is not None and job.summary is None and answers:
            try:
                result = _stored_result(core, job, job.result)
            except ServiceError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
                answers = False
        shown.append(_shown(job, result, signs, found))
    return shown


def _shown(job: JobRecord, result: JobResult | None, signs: Mapping[str, Sign], found: Mapping[str, QueuePlace]) -> Job:
    here = f"/v1/jobs/{job.id}"
    archive = _made(job, TaskType.GENERATE_LABELS)
    links = JobLinks(
        self=here,
        events=f"{here}/events",
        cancel=f"{here}/cancel",
        retry=f"{here}/retry",
        report=f"{here}/report" if _has_report(job) else None,
        archive=archive and f"/v1/datasets/{archive}/archive",
        retried_as=job.retried_as and f"/v1/jobs/{job.retried_as}",
    )
    return Job.model_validate(
        {
            "id": job.id,
            "name": job.name,
            "kind": job.kind,
            "state": job.state,
            "params": job.params,
            "tags": job.tags,
            "priority": job.priority,
            "deadline": timestamp(job.deadline),
            "created_by": job.created_by,
            "queue": found.get(job.id),
            "progress": progress.of_job(job),
            "tasks": [_task(task) for task in job.tasks],
            "cost": costs.of_job(job),
            "result": result,
            "error": job.error,
            "notes": job.notes,
            "waiting": _waiting(job, signs),
            "created_at": timestamp(job.fields["created"]),
            "started_at": timestamp(job.fields.get("started")),
            "finished_at": timestamp(job.fields.get("finished")),
            "links": links,
        }
    )


def _waiting(job: JobRecord, signs: Mapping[str, Sign]) -> str | None:
    if job.state not in (JobState.QUEUED, JobState.RUNNING):
        return None
    if job.awaits:
        return awaiting(job.awaits)
    return workers.untaken(signs, {task.queue for task in job.tasks if task.state is JobState.QUEUED})


def _task(task: TaskRecord) -> Task:
    return Task(
        name=task.name,
        stage=task.stage,
        state=task.state,
        progress=progress.of_task(task) if task.attempts else None,
        attempts=task.attempts,
        reused_from=task.reused_from,
    )


def _stored_result(core: Core, job: JobRecord, key: str) -> JobResult:
    """Return the result without the evaluation, and have lists find it in Redis from now on."""
    result = JobResult.model_validate(core.storage.get_json(key))
    if job.summary is None:
        core.store.note_summary(job.id, result.model_dump_json())
    return result


def _made_so_far(job: JobRecord) -> JobResult | None:
    """Return what the tasks that succeeded so far have made."""
    dataset, labeler = _made(job, TaskType.GENERATE_LABELS), _made(job, TaskType.TRAIN_LABELER)
    if dataset is None and labeler is None:
        return None
    return JobResult(dataset=dataset, labeler=labeler, labelling=None, storage=None, flops=None, evaluation=None)


def _has_report(job: JobRecord) -> bool:
    return job.state is JobState.SUCCEEDED and any(task.type is TaskType.REPORT for task in job.tasks)


def _made(job: JobRecord, type: TaskType) -> str | None:
    """Return what the first task of a type has made: those behind it are of sweeps and of control arms."""
    task = next((task for task in job.tasks if task.type is type), None)
    return task.makes if task is not None and task.state is JobState.SUCCEEDED else None
