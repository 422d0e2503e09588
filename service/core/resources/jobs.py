"""Jobs, for the routes: submit, show, list, cancel, retry, delete, report."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api_schemas.evaluation import Figure, Report
from api_schemas.job_plans import JobPlan, PlannedTask
from api_schemas.jobs import TERMINAL_STATES, Job, JobKind, JobPage, JobRequest, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError, existing, invalid
from service.core.foundation.ids import new_id
from service.core.foundation.listing import EVERYTHING, Asked
from service.core.foundation.search import search
from service.core.kinds import KINDS
from service.core.kinds.validation_errors import DatasetsAwaitedError
from service.core.lifecycle import awaited, costs, outbox, partial_reports, pins, repeats
from service.core.lifecycle.planning import as_sent, awaiting, planned, submission_of
from service.core.lifecycle.reports import report_key
from service.core.lifecycle.submission import Submission
from service.core.objects.storage import blob_key
from service.core.queue import workers
from service.core.queue.records import PLANNED, JobRecord, TaskRecord
from service.core.resources.job_view import listed, shown
from service.core.resources.kept import with_expiry

_log = logging.getLogger(__name__)


def submit(core: Core, request: JobRequest, idempotency_key: str | None) -> tuple[Job, bool]:
    """Plan and record a job, wake a worker, and return the job and whether this call made it.

    Where a dataset that it names is validated still, the job is planned when that is ready.
    The same key with an equal request gives the job of the first call, for a week. Raises ServiceError
    INVALID_REQUEST or DATASET_NOT_READY with reasons naming `body.params.<field>`, IDEMPOTENCY_KEY_REUSED for another
    request, QUOTA_EXCEEDED.
    """
    asked = repeats.asked(core, idempotency_key, _digested(request))
    made = repeats.made_before(core, asked)
    if made is not None:
        return view(core, made), False
    _check_deadline(core, request)
    return record(core, replace(submission_of(core, request), key=asked.key, digest=asked.digest))


def validate(core: Core, request: JobRequest) -> JobPlan:
    """Plan a job and record nothing. Raises what `submit` raises for a request that cannot be planned.

    Of a job that awaits datasets, only what was sent is known.
    """
    _check_deadline(core, request)
    try:
        plan = planned(core, request)
    except DatasetsAwaitedError as error:
        return JobPlan(
            kind=request.kind,
            params=as_sent(request)["params"],
            tags=request.tags,
            tasks=[],
            cost=None,
            notes=[],
            waiting=awaiting(error.datasets),
        )
    return JobPlan(
        kind=request.kind,
        params=dict(plan.params),
        tags=request.tags,
        tasks=[
            PlannedTask(name=task.name, queue=task.queue, after=list(task.after), work=task.work, unit=task.unit)
            for task in plan.tasks
        ],
        cost=costs.of_plan(request.kind, [task.cost for task in plan.tasks]),
        notes=list(plan.notes),
        waiting=workers.untaken(workers.alive(core.redis), {task.queue for task in plan.tasks}),
    )


def _digested(request: JobRequest) -> dict[str, Any]:
    """Return all that a request says, without the fields that earlier versions did not know where they say nothing."""
    silent = {field for field in ("name", "deadline", "priority") if not getattr(request, field)}
    told = request.model_dump(mode="json", exclude={"validate_only", *silent})
    params = told["params"]
    for evaluation in (params, params.get("evaluation") or {}):
        if evaluation.get("keep_models") is False:
            del evaluation["keep_models"]
    if request.kind == JobKind.EVALUATE and params.get("reuse") == "auto":
        del params["reuse"]
    return told


def _check_deadline(core: Core, request: JobRequest) -> None:
    deadline = request.deadline
    if deadline is not None and deadline.timestamp() * 1000 <= core.store.now():
        message = "the deadline is over: name a time to come, or none"
        raise invalid("body.deadline", "in_the_future", deadline.isoformat(), message)


def record(core: Core, submission: Submission) -> tuple[Job, bool]:
    """Record a planned job and return it and whether it is new. Raises ServiceError for what is gone that it needs."""
    recorded = submission.send(core, new_id("job"))
    if submission.awaits:
        try:
            # They may be ready by now, and nobody have seen the job when they were.
            awaited.go_on(core, recorded.id)
        except (ServiceError, *OUTAGES) as error:
            # The job is there: the reaper goes on with it.
            _log.warning("%s is planned later: %s", recorded.id, error)
    return view(core, recorded.id), recorded.outcome == "created"


def view(core: Core, job_id: str) -> Job:
    """Return a job. Raises ServiceError NOT_FOUND."""
    return with_expiry(core, [shown(core, _get(core, job_id))])[0]


def owner(core: Core, job_id: str) -> str:
    """Return the tenant of a job. Raises ServiceError NOT_FOUND."""
    return _get(core, job_id).tenant


def state(core: Core, job_id: str) -> JobState:
    """Return where a job stands. Raises ServiceError NOT_FOUND."""
    return existing(core.store.state(job_id), "job", job_id)


def _get(core: Core, job_id: str) -> JobRecord:
    return existing(core.store.load(job_id), "job", job_id)


def page(core: Core, asked: Asked = EVERYTHING, cursor: str | None = None, limit: int = 100) -> JobPage:
    """Return the newest jobs after `cursor` that match, without `result.evaluation` (GET the job for it).

    Raises ServiceError INVALID_REQUEST naming `query.cursor`.
    """
    found = search(core.redis, core.store.listing, asked, cursor, limit)
    # A state may have changed since the search.
    jobs = [job for job in core.store.load_many(found.ids) if not asked.states or job.state in asked.states]
    return JobPage(items=with_expiry(core, listed(core, jobs)), next_cursor=found.next_cursor, complete=found.complete)


def cancel(core: Core, job_id: str) -> Job:
    """Stop a job: queued tasks at once, running ones as soon as their worker sees it. Idempotent.

    Raises ServiceError NOT_FOUND, or JOB_NOT_CANCELABLE for a job that succeeded, failed or expired.
    """
    _get(core, job_id)
    before = core.store.cancel(job_id)
    if before in TERMINAL_STATES and before is not JobState.CANCELED:
        raise ServiceError(ErrorCode.JOB_NOT_CANCELABLE, f"{job_id} has {before} already.")
    if core.store.is_due(f"close {job_id}"):
        outbox.attend(core, f"close {job_id}")
    return view(core, job_id)


def delete(core: Core, job_id: str) -> None:
    """Remove a job that has ended, with its report; the datasets and labelers that it made stay.

    Raises ServiceError NOT_FOUND, JOB_NOT_FINISHED, or JOB_IN_USE while a job that retried it is there: that one reads
    the results of its tasks.
    """
    job = _get(core, job_id)
    if job.state not in TERMINAL_STATES:
        raise ServiceError(ErrorCode.JOB_NOT_FINISHED, f"{job_id} is {job.state}: wait for its end or cancel it.")
    if core.store.is_due(f"close {job_id}"):
        outbox.attend(core, f"close {job_id}")
    if not core.store.forget(job_id):
        # As it is now: another caller may have retried or deleted it meanwhile.
        successor = _get(core, job_id).retried_as
        if successor is None:
            raise ServiceError(ErrorCode.UNAVAILABLE, f"{job_id} cannot be closed now: the storage does not answer.")
        message = f"{job_id} was retried as {successor}, which reads its results: delete that one first."
        raise ServiceError(ErrorCode.JOB_IN_USE, message)
    pins.unpin(core, job_id)
    outbox.attend(core, f"forget {job_id}")


def retry(core: Core, job_id: str) -> tuple[Job, bool]:
    """Start a new job like this failed or canceled one, keeping its finished tasks; return it and whether it is new.

    Idempotent: a second call returns the same new job. Raises ServiceError NOT_FOUND, or JOB_NOT_RETRYABLE for a
    job that is unfinished or succeeded, whose datasets are gone, and for an upload (send it again).
    """
    job = _get(core, job_id)
    if job.state not in TERMINAL_STATES or job.state is JobState.SUCCEEDED:
        raise ServiceError(ErrorCode.JOB_NOT_RETRYABLE, f"{job_id} is {job.state}; only what went wrong is retried.")
    if KINDS[job.kind].request is None:
        message = f"{job_id} is an upload, whose files are not kept: send them again."
        raise ServiceError(ErrorCode.JOB_NOT_RETRYABLE, message)
    if job.retried_as is not None:
        return view(core, job.retried_as), False
    if job.awaits:
        return record(core, replace(_unplanned(core, job), retry_of=job_id))
    tasks = _tasks_again(core, job)
    made = {task.makes for task in job.tasks}
    reads = [dataset_id for dataset_id in job.datasets if dataset_id not in made]
    for dataset_id in reads:
        if core.catalogue.dataset(dataset_id) is None:
            raise ServiceError(ErrorCode.JOB_NOT_RETRYABLE, f"Dataset {dataset_id} of {job_id} is gone.")
    submission = Submission(job.kind, job.params, job.tags, tasks, reads, retry_of=job_id, notes=job.notes)
    submission = replace(submission, name=job.name, priority=job.priority)
    again, new = record(core, submission)
    for task in job.tasks:
        for sha256 in task.files.values():
            core.blobs.hold(again.id, sha256)
    return again, new


def _unplanned(core: Core, job: JobRecord) -> Submission:
    """Return a job that ended before it was planned, to be planned now."""
    model = KINDS[job.kind].request
    assert model is not None
    try:
        again = submission_of(core, model.model_validate(job.request))
    except ServiceError as error:
        raise ServiceError(ErrorCode.JOB_NOT_RETRYABLE, error.message, error.reasons) from error
    return replace(again, name=job.name, priority=job.priority, deadline=None)


def _tasks_again(core: Core, job: JobRecord) -> dict[str, dict[str, str]]:
    """Return the tasks of a job: those that succeeded as they are, the others as planned, making other datasets."""
    tasks: dict[str, dict[str, str]] = {}
    renamed: dict[str, str] = {}
    for task in job.tasks:
        # The names of trials tell sets apart, which may have been renamed.
        before = [tasks[_rename(name, renamed)] for name in task.after]
        open_before = [fields for fields in before if fields["state"] != JobState.SUCCEEDED]
        if task.state is JobState.SUCCEEDED and not open_before and _stands(core, task):
            tasks[task.name] = dict(task.fields)
            continue
        if task.makes is not None and task.makes.startswith("ds_"):
            renamed[task.makes] = new_id("ds")
        planned = {field: _rename(task.fields[field], renamed) for field in PLANNED if field in task.fields}
        tasks[_rename(task.name, renamed)] = planned | {"state": JobState.QUEUED, "waiting": str(len(open_before))}
    return tasks


def _rename(text: str, renamed: Mapping[str, str]) -> str:
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text


def _stands(core: Core, task: TaskRecord) -> bool:
    """Tell whether what a task made has not been deleted since."""
    return task.makes is None or core.catalogue.entry(task.makes) is not None


def report(core: Core, job_id: str) -> Report:
    """Return the report of a job.

    Raises ServiceError NOT_FOUND, JOB_NOT_FINISHED, or NO_REPORT for a kind without one or a job that did not succeed.
    """
    job = _get(core, job_id)
    if job.state not in TERMINAL_STATES:
        raise ServiceError(ErrorCode.JOB_NOT_FINISHED, f"{job_id} is {job.state}; its report comes last{_so_far(job)}.")
    document = core.storage.get_json(report_key(job_id)) if job.state is JobState.SUCCEEDED else None
    if document is None:
        message = f"{job_id}, a {job.kind} job that {job.state}, has no report{_so_far(job)}."
        raise ServiceError(ErrorCode.NO_REPORT, message)
    # Reports written before there were these fields lack them.
    return Report.model_validate({"figures": [], "points": [], "paper": []} | document)


def _so_far(job: JobRecord) -> str:
    """Say how to get a report of what there is, of a kind that makes one."""
    return "" if partial_reports.report_task(job) is None else "; with partial=true it is of what has been found"


def partial_report(core: Core, job_id: str, results: int) -> Report | None:
    """Return the report of so many results of a job or more, its own where it has succeeded; None: a worker makes it.

    Raises ServiceError NOT_FOUND, NO_REPORT for a kind without one, and UNAVAILABLE where no worker can make it.
    """
    job = _get(core, job_id)
    if job.state is JobState.SUCCEEDED:
        return report(core, job_id)
    if partial_reports.report_task(job) is None:
        raise ServiceError(ErrorCode.NO_REPORT, f"{job_id}, a {job.kind} job, makes no report.")
    found = partial_reports.made(core, job, results)
    if found is None:
        if (untaken := workers.untaken(workers.alive(core.redis), {"io"})) is not None:
            raise ServiceError(ErrorCode.UNAVAILABLE, f"The report of what {job_id} has found is not made: {untaken}.")
        partial_reports.ask(core, job)
    return found


def results(core: Core, job_id: str) -> tuple[JobState, int]:
    """Return where a job stands and how many results its report has by now. Raises ServiceError NOT_FOUND."""
    job = _get(core, job_id)
    return job.state, len(partial_reports.results_of(job))


def figure_png(core: Core, figure: Figure) -> bytes:
    """Return a figure of a report as PNG."""
    return core.storage.read(blob_key(figure.sha256))


def figure_url(core: Core, job_id: str, name: str) -> str:
    """Return a link to a figure of a job's report. Raises what `report` raises, and NOT_FOUND for another name."""
    named = next((figure for figure in report(core, job_id).figures if figure.name == name), None)
    figure = existing(named, f"figure of {job_id}", name)
    return core.storage.presign(blob_key(figure.sha256), f"{name}-{job_id}.png", "image/png")
