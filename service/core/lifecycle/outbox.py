"""The outbox: work that is due after a change of state, and is repeated until it is done.

The scripts note an entry in the same step that changes the state. The process that made the change carries it out at
once, and the reaper all that was left. Each may run twice.
"""

import logging
from typing import Any

from api_schemas.jobs import JobKind, JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.kinds.task_types import TASKS, remove_dataset
from service.core.lifecycle import awaited
from service.core.lifecycle.announcements import announce
from service.core.lifecycle.submission import request_key
from service.core.queue.records import PLANNED, JobRecord

COUNTED_AGAIN = frozenset({"unfinished", "retried_as", "member", "facets", "listed"})
"""Fields of a job that follow from its tasks, from its other fields and from other jobs."""

logger = logging.getLogger(__name__)


def attend(core: Core, entry: str) -> None:
    """Carry out one entry, `close <job>`, `forget <job>` or `delete <dataset>`; one that fails stays noted."""
    what, _, identifier = entry.partition(" ")
    try:
        if what == "close":
            _close_job(core, identifier)
        elif what == "forget":
            _remove_job(core, identifier)
        else:
            remove_dataset(core, identifier)
    except (ServiceError, *OUTAGES) as error:
        logger.warning("%s left to the reaper: %s", entry, error)
    else:
        core.store.done(entry)


def _close_job(core: Core, job_id: str) -> None:
    """Tell webhooks and note how a job ended, and give back what it held.

    That is checkpoints, raw and unfinished files, its use of datasets.
    """
    job = core.store.load(job_id)
    if job is not None:
        announce(core, job)
        core.storage.put_json(end_key(job_id), _final_record(job))
        for task in job.tasks:
            undo = TASKS[task.type].undo
            if undo is not None and task.state is not JobState.SUCCEEDED:
                undo(core, job, task)
            for ref in task.inputs.values():
                if ref.kind == "uploads":
                    for key in ref.files or ():
                        core.storage.delete(key)
            if task.attempts:
                core.blobs.drop_all(checkpoint_owner(job_id, task.name))
        for dataset_id in job.datasets:
            core.redis.srem(redis_keys.users(redis_keys.dataset(dataset_id)), job_id)
        if job.kind is JobKind.INGEST_DATASET:
            for dataset_id in job.datasets:
                for waited in awaited.validated(core, dataset_id):
                    if core.store.is_due(f"close {waited}"):
                        attend(core, f"close {waited}")


def end_key(job_id: str) -> str:
    """Return where the end of a job lies."""
    return f"jobs/{job_id}/end.json"


def _final_record(job: JobRecord) -> dict[str, Any]:
    """Return what Redis knows of a finished job and its request does not tell, for when Redis is lost."""
    planned = {*PLANNED, "before"}
    return {
        "schema_version": 1,
        "fields": {name: value for name, value in job.fields.items() if name not in COUNTED_AGAIN},
        "tasks": {
            task.name: {name: value for name, value in task.fields.items() if name not in planned} for task in job.tasks
        },
    }


def _remove_job(core: Core, job_id: str) -> None:
    """Remove what a job leaves in the object storage that is in Redis no more."""
    # The request first: without it the job does not come back when the index is rebuilt.
    core.storage.delete(request_key(job_id))
    for key in core.storage.list_keys(f"jobs/{job_id}/"):
        core.storage.delete(key)
    core.blobs.drop_all(job_id)


def checkpoint_owner(job_id: str, task: str) -> str:
    """Return who holds the blobs of a task's checkpoints."""
    return f"{job_id}/{task}"
