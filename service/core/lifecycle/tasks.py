"""The worker's side of a task: claim it, keep the lease, report, and finish it.

Every write names the attempt it belongs to; one that comes after the lease went to another attempt is refused.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import LogEvent, MetricEvent, ProgressEvent, RowEvent, TaskType
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError, is_outage
from service.core.foundation.settings import Queue
from service.core.kinds.kind import FinishedTask, Outcome
from service.core.kinds.task_types import TASKS
from service.core.lifecycle import outbox, rates, reports
from service.core.lifecycle.attempts import Lease
from service.core.lifecycle.inputs import resolve, results
from service.core.lifecycle.report_inputs import report_inputs
from service.core.lifecycle.submission import request_key
from service.core.queue.plan import TaskCost
from service.core.queue.records import JobRecord, TaskRecord
from service.core.queue.store import Happened

logger = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 1.0
"""Pause before a claim is asked for again that Redis did not answer."""

RESULTS_AT_ONCE = 200
"""Results of earlier tasks that are read between two renewals of a lease."""


@dataclass(frozen=True)
class ClaimedTask:
    """A task that this worker alone may run until its lease ends."""

    job_id: str
    name: str
    stage: str
    tenant: str
    attempt: int
    worker: str
    device: str
    """Kind of the device that it runs on: `cpu` or `cuda`."""
    queue: str
    type: TaskType
    params: dict[str, Any]
    inputs: dict[str, dict[str, str]]
    """Input name -> {file name: SHA-256 of a blob, or key of an object}, as `Storage.download` takes them."""
    documents: dict[str, dict[str, Any]]
    checkpoint: dict[str, str]
    """{file name: SHA-256} of what an earlier attempt kept."""
    timeout_seconds: int
    stall_seconds: int
    cost: TaskCost | None = None
    """As predicted; None for a task that costs next to nothing."""

    def __str__(self) -> str:
        """Name it in a log."""
        return f"{self.name} of {self.job_id}, attempt {self.attempt}"


def claim(
    core: Core, job_id: str, task_name: str, worker: str, device: str = "cpu", stop: threading.Event | None = None
) -> ClaimedTask | None:
    """Take a ready task, or return None when it is not there to take (taken, finished, canceled, unknown).

    None as well when the task could be finished on the spot: a labeler that another job has trained meanwhile.

    An outage of Redis (`OUTAGES`) is raised at once without `stop`, and else waited out until that is set: a claim that
    was not answered may have been won, and would be lost with its lease if nobody asked for it again.
    """
    token = secrets.token_hex(8)
    while True:
        try:
            return _claim(core, job_id, task_name, worker, device, token)
        except OUTAGES as error:
            if stop is None or stop.wait(ASK_AGAIN_SECONDS):
                raise
            logger.warning("asking again whether %s of %s was claimed: %s", task_name, job_id, error)


def _claim(core: Core, job_id: str, task_name: str, worker: str, device: str, token: str) -> ClaimedTask | None:
    settings = core.settings
    attempt = core.store.claim(job_id, task_name, worker, settings.lease_seconds, settings.quota_running_tasks, token)
    if attempt is None:
        return None
    lease = Lease(core, job_id, task_name, attempt)
    try:
        job, task = lease.load()
        _check_bucket(core, job_id)
        kind = TASKS[task.type]
        found = None if kind.found is None else kind.found(core, job, task)
        if found is not None:
            lease.tell(found[1].row)
            lease.succeed(*found)
            return None
        entries = {name: ref for name, ref in task.inputs.items() if ref.kind != "after"}
        resolved = {name: resolve(core, ref) for name, ref in entries.items()}
        documents = {name: document for name, (_, document) in resolved.items()}
        if len(entries) < len(task.inputs):
            # Thousands of documents may take longer to read than a lease lasts.
            documents |= all_results(core, job_id, task.after, lambda: lease.renew(core.settings.lease_seconds))
    except OUTAGES:
        raise  # asked for again with the token, and found to be claimed
    except Exception as error:
        if isinstance(error, ServiceError) and not is_outage(error):
            failure = TaskError(
                code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message=error.message, reasons=error.reasons
            )
            lease.finish("failed", failure.model_dump_json())
        else:
            # Also what another version of the service has written and this one cannot read: another worker may.
            lease.release(error)
        raise
    return ClaimedTask(
        job_id=job_id,
        name=task_name,
        stage=task.stage,
        tenant=job.tenant,
        attempt=attempt,
        worker=worker,
        device=device,
        queue=task.queue,
        type=task.type,
        params=report_params(core, job, task) if kind.reports else task.params,
        inputs={name: files for name, (files, _) in resolved.items()},
        documents=documents,
        checkpoint=task.checkpoint,
        timeout_seconds=settings.task_timeout_seconds.get(task.type, kind.timeout_seconds),
        stall_seconds=settings.task_stall_seconds.get(task.type, kind.stall_seconds),
        cost=task.cost,
    )


def _check_bucket(core: Core, job_id: str) -> None:
    """Raise ServiceError UNAVAILABLE where the bucket lacks what every job has there: it is another deployment's.

    Without a look, every input would count as gone, and what is cached would hide that results go to the wrong place.
    """
    if not core.storage.holds(request_key(job_id)):
        bucket = core.settings.s3_bucket
        message = f"Bucket {bucket} holds nothing of {job_id}: it is not the bucket of the front (LADD_S3_BUCKET)."
        raise ServiceError(ErrorCode.UNAVAILABLE, message)


def all_results(
    core: Core, job_id: str, names: Sequence[str], meanwhile: Callable[[], object] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Return {task: its result} of any number of tasks of a job, calling `meanwhile` now and then."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), RESULTS_AT_ONCE):
        meanwhile()
        found |= results(core, job_id, names[start : start + RESULTS_AT_ONCE])
    return found


def report_params(core: Core, job: JobRecord, task: TaskRecord) -> dict[str, Any]:
    """Return the params of a report, with those known only now: a retried job has another id, and its sets are made."""
    known = {"job": job.id, "inputs": [found.model_dump() for found in report_inputs(core, job, task)]}
    return task.params | known


def claim_next(
    core: Core, queue: str, worker: str, device: str = "cpu", stop: threading.Event | None = None
) -> ClaimedTask | None:
    """Take the task of a queue whose tenant's turn it is, as `claim` does; None when none is there to take."""
    while (found := core.store.next_in_turn(queue, core.settings.quota_running_tasks, worker)) is not None:
        claimed = claim(core, *found, worker, device, stop)
        if claimed is not None:
            return claimed
    return None


def renew(core: Core, claimed: ClaimedTask) -> Literal["held", "canceling", "lost"]:
    """Extend the lease. `canceling`: stop and call `canceled`; `lost`: stop, the task is another's."""
    state = _lease(core, claimed).renew(core.settings.lease_seconds)
    return "held" if state == "running" else state


def record(core: Core, claimed: ClaimedTask, event: ProgressEvent | MetricEvent | RowEvent | LogEvent) -> bool:
    """Show an event of the runner to the job's readers; False when refused."""
    data = event.model_dump_json(exclude={"event"})
    return core.store.record(claimed.job_id, claimed.name, claimed.attempt, event.event, data)


def keep_checkpoint(core: Core, claimed: ClaimedTask, files: Mapping[str, Path]) -> bool:
    """Store files that a later attempt will find in `ClaimedTask.checkpoint`; False when refused."""
    lease = _lease(core, claimed)
    if lease.renew() != "running":
        return False
    _, task = lease.load()
    owner = outbox.checkpoint_owner(claimed.job_id, claimed.name)
    kept = {name: core.blobs.put(owner, path).sha256 for name, path in files.items()}
    if not core.store.note_checkpoint(claimed.job_id, claimed.name, claimed.attempt, kept):
        return False
    for sha256 in set(task.checkpoint.values()) - set(kept.values()):
        core.blobs.drop(owner, sha256)
    return True


def succeed(
    core: Core, claimed: ClaimedTask, result: dict[str, Any], files: Mapping[str, Path], held: float | None = None
) -> bool:
    """Store the files, then what the task made, then its success; False when refused.

    `held`: the seconds of a GPU that the task had of those it shared it with; None: all of its attempt's.
    The caller keeps renewing the lease meanwhile. Raises ValueError or KeyError for a result or files that are not
    what the type of task must hand over.
    """
    lease = _lease(core, claimed)
    if lease.renew() != "running":
        lease.finish("canceled")
        return False
    job, task = lease.load()
    kind = TASKS[claimed.type]
    owner = claimed.job_id if kind.reports or kind.keeps_files else task.makes
    if files and owner is None:
        raise ValueError(f"task {claimed.name} makes nothing that could own the files {sorted(files)}")
    blobs = {name: core.blobs.put(str(owner), path) for name, path in files.items()}
    if lease.renew() != "running":
        lease.finish("canceled")
        return False
    finished = FinishedTask(job, task, result, blobs)
    outcome = kind.outcome(core, finished)
    if kind.reports:
        reports.store(core, finished)
    _note_rate(core, claimed, finished, outcome, held)
    return lease.succeed(result, outcome, held)


def _note_rate(core: Core, claimed: ClaimedTask, finished: FinishedTask, outcome: Outcome, held: float | None) -> None:
    """Note the speed of an attempt that did all of the work itself, none of it found in a checkpoint."""
    task = finished.task
    if task.cost is not None and not claimed.checkpoint:
        seconds = (core.store.now() - int(task.fields[f"start:{claimed.attempt}"])) / 1000 if held is None else held
        recipe = (finished.result.get("row") or {}).get("recipe", {})
        compiled = bool(recipe.get("arithmetic", {}).get("compiled"))
        rates.note(core, claimed.device, task.cost, outcome.flops, seconds, compiled)


def fail(core: Core, claimed: ClaimedTask, error: TaskError, tries: int | None = None) -> bool:
    """Record a failure; False when refused.

    An error of origin `input` fails the job. Any other gives the task back, to a worker that has not failed at it while
    one is fit, until as many workers have failed as the settings' `max_attempts`, or `tries` if these are fewer, say. A
    lone worker tries as often; but not after an error of origin `internal`, which it would only repeat.
    """
    happened: Happened = "failed" if error.origin is ErrorOrigin.INPUT else "retry"
    alone = 1 if error.origin is ErrorOrigin.INTERNAL else None
    return _lease(core, claimed).finish(happened, error.model_dump_json(), tries=tries, alone=alone)


def canceled(core: Core, claimed: ClaimedTask) -> bool:
    """Confirm that a task which `renew` reported as `canceling` has stopped; False when refused."""
    return _lease(core, claimed).finish("canceled")


def release(core: Core, claimed: ClaimedTask, error: Exception | None = None) -> bool:
    """Give a task back unfinished; the attempt does not count. False when refused.

    `error` is what kept this worker from it, as the attempt will show; None: the worker shuts down. With an error the
    task goes to the end of its line, and it is the reaper that wakes a worker for it.
    """
    return _lease(core, claimed).release(error)


def move(core: Core, claimed: ClaimedTask, queue: Queue) -> bool:
    """Give a task back to another queue, as its tenant's next there; the attempt does not count. False when refused."""
    return _lease(core, claimed).finish("moved", queue)


def lose(core: Core, job_id: str, task_name: str) -> bool:
    """Take back a task whose lease has run out; False when it has not."""
    error = TaskError(
        code=ErrorCode.WORKER_LOST,
        origin=ErrorOrigin.WORKER,
        message=f"The worker of {task_name} fell silent for {core.settings.lease_seconds} seconds.",
        reasons=[],
    )
    return Lease(core, job_id, task_name, 0).finish("lost", error.model_dump_json())


def _lease(core: Core, claimed: ClaimedTask) -> Lease:
    return Lease(core, claimed.job_id, claimed.name, claimed.attempt)
