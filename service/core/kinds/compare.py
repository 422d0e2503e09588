"""`compare`: set the evaluations of several jobs side by side."""

import hashlib
from typing import Any

from api_schemas.comparison import JobComparison
from api_schemas.jobs import CompareParams, CompareRequest, JobKind, JobResult, JobState
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.kinds.kind import FinishedTask, Kind, Outcome
from service.core.kinds.train_labeler import canonical
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, Ref, TaskPlan
from service.core.queue.records import JobRecord

CODE_VERSION = "1"
"""Part of a comparison's digest: raise it when the same reports would be compared otherwise."""

_EVALUATE = {JobKind.EVALUATE, JobKind.LADD, JobKind.SWEEP}


def plan(core: Core, params: CompareParams) -> Plan:
    """Plan the one task that reads the reports."""
    errors = ValidationErrors(core.catalogue)
    errors.distinct("jobs", params.jobs)
    found = {job.id: job for job in core.store.load_many(params.jobs, [])}
    for job_id in params.jobs:
        _check(errors, job_id, found.get(job_id), found.get(params.jobs[0]))
    errors.raise_if_any()
    task = TaskPlan(
        name="compare",
        type=TaskType.COMPARE,
        queue="io",
        params={"jobs": params.jobs},
        inputs={f"report_{position}": Ref("report", job_id) for position, job_id in enumerate(params.jobs)},
        work=len(params.jobs),
        unit="reports",
    )
    return Plan(params=params.model_dump(mode="json"), tasks=[task])


def _check(errors: ValidationErrors, job_id: str, job: JobRecord | None, first: JobRecord | None) -> None:
    """Note the first rule that a job breaks which is to be compared with the first one."""
    if job is None:
        errors.add("jobs", "not_found", job_id, f"there is no job {job_id}")
    elif job.kind not in _EVALUATE or job.params.get("evaluation", job.params) is None:
        errors.add("jobs", "has_evaluation", job_id, f"{job_id}, of kind {job.kind}, evaluates nothing")
    elif job.state is not JobState.SUCCEEDED:
        message = f"{job_id} is {job.state}: only jobs that succeeded have a whole evaluation"
        errors.add("jobs", "has_evaluation", job_id, message)
    elif first is not None and job.params["source_dataset"] != first.params.get("source_dataset"):
        message = f"{job_id} was tested on {job.params['source_dataset']}, {first.id} on another set"
        errors.add("jobs", "same_test_images", job_id, message)


def comparison_digest(tenant: str, jobs: list[str]) -> str:
    """Return the digest of all that decides a comparison: reports are written once."""
    decided_by: dict[str, Any] = {"version": CODE_VERSION, "tenant": tenant, "compare": jobs}
    return hashlib.sha256(canonical(decided_by).encode()).hexdigest()


def compared(core: Core, finished: FinishedTask) -> Outcome:
    """Return the outcome of a comparison, which is found by its digest."""
    JobComparison.model_validate(finished.result)
    nothing_else = JobResult.model_validate(dict.fromkeys(JobResult.model_fields))
    return Outcome(job_result=nothing_else, digest=comparison_digest(finished.job.tenant, finished.task.params["jobs"]))


KIND = Kind(JobKind.COMPARE, plan, CompareRequest)
