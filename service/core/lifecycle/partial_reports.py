"""The report of what a job has found so far: a worker makes it when somebody asks, once for each number of results.

It is no task of the job: nothing waits for it, it may be made twice, and a job that has ended takes no more tasks.
"""

from collections.abc import Collection, Sequence
from typing import Any

from api_schemas.evaluation import Report, RowTrials
from api_schemas.jobs import JobState
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.kinds.task_types import TASKS
from service.core.lifecycle import reports, tasks
from service.core.lifecycle.inputs import resolve
from service.core.lifecycle.tasks import ClaimedTask
from service.core.queue.records import JobRecord, TaskRecord

PARTIAL_REPORT = "partial-report"
"""Stands in a wake-up where others have the name of a task."""
ASKED_AGAIN_SECONDS = 10
"""After so many a worker is woken again that has not answered: wake-ups may be lost."""


def report_task(job: JobRecord) -> TaskRecord | None:
    """Return the task that makes the report of the job; None for a kind without one."""
    return next((task for task in job.tasks if task.type is TaskType.REPORT), None)


def results_of(job: JobRecord) -> list[TaskRecord]:
    """Return the tasks that have a result for the report of the job, in order.

    A point of a curve has none before its row does: it would pass for the row.
    """
    ended = [task for task in job.tasks if task.state is JobState.SUCCEEDED and task.type is not TaskType.REPORT]
    rows = {_place(task) for task in ended if task.type is TaskType.EVALUATE and not _epochs_of_point(task)}
    return [task for task in ended if not _epochs_of_point(task) or _place(task) in rows]


def trials_of(job: JobRecord) -> list[RowTrials]:
    """Return how many of the trials planned for each row have ended; trials that only confirm others are left out."""
    found: dict[tuple[str, str, str, int | None], RowTrials] = {}
    for task in job.tasks:
        if task.type is TaskType.EVALUATE and task.stage == "evaluate":
            key = (*_place(task), _epochs_of_point(task))
            fields = dict(zip(("dataset", "arm", "architecture", "epochs"), key, strict=True))
            row = found.setdefault(key, RowTrials.model_validate({**fields, "ended": 0, "planned": 0}))
            row.planned += 1
            row.ended += task.state is JobState.SUCCEEDED
    return list(found.values())


def _place(task: TaskRecord) -> tuple[str, str, str]:
    params = task.params
    return params["dataset"], params["arm"], params["architecture"]


def _epochs_of_point(task: TaskRecord) -> int | None:
    """Return the epochs of a point of a curve, which end its name; None for any other task."""
    last = task.name.rpartition(":")[2]
    return int(last[1:]) if task.type is TaskType.EVALUATE and last.startswith("e") else None


def made(core: Core, job: JobRecord, results: int) -> Report | None:
    """Return the newest report of so many results or more, None where no worker has made it yet."""
    number, key = max(((_number(key), key) for key in core.storage.list_keys(_folder(job.id))), default=(-1, ""))
    document = core.storage.get_json(key) if number >= results else None
    if document is None:
        return None
    return Report.model_validate(document).model_copy(update={"job_state": job.state})


def ask(core: Core, job: JobRecord) -> None:
    """Wake a worker that makes it. Raises ServiceError UNAVAILABLE when the broker takes nothing."""
    if core.redis.set(redis_keys.asked_report(job.id), 1, nx=True, ex=ASKED_AGAIN_SECONDS):
        core.dispatcher.wake(job.id, PARTIAL_REPORT, "io")


def work(core: Core, job_id: str, worker: str) -> ClaimedTask | None:
    """Return what a runner needs to make it, as if it had been claimed; None where it is made, or the job is gone."""
    job = core.store.load(job_id)
    task = None if job is None else report_task(job)
    if job is None or task is None:
        return None
    found = results_of(job)
    if core.storage.holds(_key(job.id, len(found))):
        return None
    names = [each.name for each in found]
    there = {
        name: ref
        for name, ref in task.inputs.items()
        if ref.kind != "after" and core.catalogue.entry(ref.id) is not None
    }
    resolved = {name: resolve(core, ref) for name, ref in there.items()}
    return ClaimedTask(
        job_id=job.id,
        name=PARTIAL_REPORT,
        stage=task.stage,
        tenant=job.tenant,
        attempt=len(found),
        worker=worker,
        device="cpu",
        queue="io",
        type=TaskType.REPORT,
        params=_params(core, job, task, names),
        inputs={name: files for name, (files, _) in resolved.items()},
        documents={name: document for name, (_, document) in resolved.items()} | tasks.all_results(core, job.id, names),
        checkpoint={},
        timeout_seconds=TASKS[TaskType.REPORT].timeout_seconds,
        stall_seconds=TASKS[TaskType.REPORT].stall_seconds,
    )


def _params(core: Core, job: JobRecord, task: TaskRecord, ended: Collection[str]) -> dict[str, Any]:
    """Return the params of the report without what nothing is known of yet, and with how many trials have ended."""
    params = tasks.report_params(core, job, task)
    planned: Sequence[dict[str, Any]] = params.get("preparations") or []
    return params | {
        "points": [point for point in params["points"] if point["task"] in ended],
        "preparations": [each for each in planned if each.get("labelled_by") in (None, *ended)],
        "partial": [row.model_dump(mode="json") for row in trials_of(job)],
    }


def store(core: Core, made_of: ClaimedTask, found: Report) -> None:
    """Keep a report in the place of those of fewer results."""
    job = core.store.load(made_of.job_id)
    if job is None:
        return
    core.storage.put_json(_key(job.id, made_of.attempt), reports.joined(core, job, found).model_dump(mode="json"))
    for key in core.storage.list_keys(_folder(job.id)):
        if _number(key) < made_of.attempt:
            core.storage.delete(key)
    core.redis.delete(redis_keys.asked_report(job.id))


def _key(job_id: str, results: int) -> str:
    return f"{_folder(job_id)}{results}.json"


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(".json"))


def _folder(job_id: str) -> str:
    return f"jobs/{job_id}/partial/"
