"""What must still happen after a change of state, and happens again until it is done.

The scripts note an entry of the outbox in the same step that changes the state; whoever made the change carries it out
at once, and the reaper whatever was left. Each may run twice.
"""

import logging

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobKind, JobState
from api_schemas.problems import Reason
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError, reason
from service.core.lifecycle.finalization import end_key, final_record
from service.core.lifecycle.submission import request_key
from service.core.queue.records import JobRecord

logger = logging.getLogger(__name__)

DATASET_MAKERS = (TaskType.GENERATE_LABELS, TaskType.RANDOM_SET)
"""Tasks whose dataset is not there before they succeed."""


def attend(core: Core, entry: str) -> None:
    """Carry out one entry, `close <job>`, `forget <job>` or `delete <dataset>`; one that fails stays noted."""
    what, _, identifier = entry.partition(" ")
    try:
        if what == "close":
            _close_job(core, identifier)
        elif what == "forget":
            _remove_job(core, identifier)
        else:
            _remove_dataset(core, identifier)
    except (ServiceError, *OUTAGES) as error:
        logger.warning("%s left to the reaper: %s", entry, error)
    else:
        core.store.done(entry)


def _close_job(core: Core, job_id: str) -> None:
    """Note how a job ended, and give back what it held: checkpoints, raw and unfinished files, its use of datasets."""
    job = core.store.load(job_id)
    if job is not None:
        core.storage.put_json(end_key(job_id), final_record(job))
        if job.kind is JobKind.INGEST_DATASET:
            _settle_dataset(core, job)
        if job.kind is JobKind.IMPORT_LABELER:
            _settle_labeler(core, str(job.tasks[0].makes))
        for task in job.tasks:
            for ref in task.inputs.values():
                if ref.kind == "uploads":
                    for key in ref.files or ():
                        core.storage.delete(key)
            if task.attempts:
                core.blobs.drop_all(checkpoint_owner(job_id, task.name))
            if task.type in DATASET_MAKERS and task.state is not JobState.SUCCEEDED and task.makes:
                # What an attempt left that was lost before its dataset became visible.
                _remove_dataset(core, task.makes)
        for dataset_id in job.datasets:
            core.redis.srem(redis_keys.users(redis_keys.dataset(dataset_id)), job_id)


def _settle_dataset(core: Core, job: JobRecord) -> None:
    """Reject a dataset whose ingestion ended without making it ready."""
    dataset = core.catalogue.dataset(job.params["dataset"])
    if dataset is None:
        return
    if dataset.state is DatasetState.VALIDATING:
        rejected = dataset.model_copy(update={"state": DatasetState.REJECTED, "reasons": _reasons(job)})
        dataset = core.catalogue.store(rejected)
        core.catalogue.show(dataset)
    if dataset.state is DatasetState.REJECTED:
        core.blobs.drop_all(dataset.id)


def _settle_labeler(core: Core, labeler_id: str) -> None:
    """Remove what an import stored that ended without making a labeler."""
    if core.catalogue.labeler(labeler_id) is None:
        core.blobs.drop_all(labeler_id)


def _reasons(job: JobRecord) -> list[Reason]:
    if job.error is None:
        return [reason("files", "is_ingested", None, f"the ingestion was {job.state}")]
    return job.error.reasons or [reason("files", "is_ingested", job.error.code, job.error.message)]


def _remove_job(core: Core, job_id: str) -> None:
    """Remove what a job leaves in the object storage that is in Redis no more."""
    # The request first: without it the job does not come back when the index is rebuilt.
    core.storage.delete(request_key(job_id))
    for key in core.storage.list_keys(f"jobs/{job_id}/"):
        core.storage.delete(key)
    core.blobs.drop_all(job_id)


def _remove_dataset(core: Core, dataset_id: str) -> None:
    """Remove what a deleted dataset leaves in the object storage: its documents first, then blobs of its own."""
    core.catalogue.forget_dataset(dataset_id)
    core.blobs.drop_all(dataset_id)


def checkpoint_owner(job_id: str, task: str) -> str:
    """Return who holds the blobs of a task's checkpoints."""
    return f"{job_id}/{task}"
