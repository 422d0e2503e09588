"""What a caller does with jobs."""

from collections.abc import Mapping

from api_schemas.evaluation import Report
from api_schemas.jobs import Job, JobKind, JobPage, JobRequest, JobState
from service.core.core import Core


def submit(core: Core, request: JobRequest, idempotency_key: str | None) -> tuple[Job, bool]:
    """Plan and record a job, wake a worker, and return the job and whether this call made it.

    The same key with an equal request gives the job of the first call. Raises ServiceError INVALID_REQUEST or
    DATASET_NOT_READY with reasons naming `body.params.<field>`, IDEMPOTENCY_KEY_REUSED for another request.
    """
    raise NotImplementedError


def view(core: Core, job_id: str) -> Job:
    """Return a job. Raises ServiceError NOT_FOUND."""
    raise NotImplementedError


def page(
    core: Core,
    kind: JobKind | None,
    state: JobState | None,
    tags: Mapping[str, str],
    cursor: str | None,
    limit: int,
) -> JobPage:
    """Return the newest jobs after `cursor` that match. Raises ServiceError INVALID_REQUEST naming `query.cursor`."""
    raise NotImplementedError


def cancel(core: Core, job_id: str) -> Job:
    """Stop a job: queued tasks at once, running ones as soon as their worker sees it. Idempotent.

    Raises ServiceError NOT_FOUND, or JOB_NOT_CANCELABLE for a job that succeeded, failed or expired.
    """
    raise NotImplementedError


def retry(core: Core, job_id: str) -> tuple[Job, bool]:
    """Start a new job like this failed or canceled one, keeping its finished tasks; return it and whether it is new.

    Idempotent: a second call returns the same new job. Raises ServiceError NOT_FOUND, or JOB_NOT_RETRYABLE for a
    job that is unfinished or succeeded, and for an ingestion (whose uploads are gone: upload again).
    """
    raise NotImplementedError


def report(core: Core, job_id: str) -> Report:
    """Return the report of a job.

    Raises ServiceError NOT_FOUND, JOB_NOT_FINISHED, or NO_REPORT for a kind without one or a job that did not succeed.
    """
    raise NotImplementedError
