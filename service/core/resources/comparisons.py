"""Evaluations side by side, for the routes: the comparison, or the job that makes it."""

from itertools import count

from api_schemas.comparison import JobComparison
from api_schemas.jobs import CompareParams, CompareRequest, Job, JobKind, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds.compare import comparison_digest
from service.core.resources import jobs


def compare(core: Core, job_ids: list[str]) -> JobComparison | Job:
    """Return how the evaluations of jobs differ from that of the first, or the job that finds out.

    Raises ServiceError INVALID_REQUEST for what cannot be compared, NO_REPORT where the comparison failed,
    QUOTA_EXCEEDED.
    """
    first = core.store.load(job_ids[0], [])
    if first is not None:
        # Also where an admin asks: what is made of a tenant's jobs is that tenant's.
        core = core.acting_for(first.tenant)
    request = CompareRequest(kind=JobKind.COMPARE, params=CompareParams(jobs=job_ids))
    digest = comparison_digest(core.tenant, job_ids)
    for job_id, task in core.store.computed(digest):
        [key] = core.store.results(job_id, [task])
        document = core.storage.get_json(key) if key is not None else None
        if document is not None:
            return JobComparison.model_validate(document)
    for attempt in count():
        try:
            job, _ = jobs.submit(core, request, f"compare {digest} {attempt}")
        except ServiceError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            continue  # the job that made it was deleted
        if job.state is JobState.FAILED and job.error is not None:
            raise ServiceError(ErrorCode.NO_REPORT, job.error.message, job.error.reasons)
        if job.state not in (JobState.CANCELED, JobState.EXPIRED):
            return job
    raise AssertionError
