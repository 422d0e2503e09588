"""Plain sets in other layouts, for the routes: a link to the file, or the job that writes it."""

from api_schemas.datasets import DatasetState, ExportFormat
from api_schemas.jobs import TERMINAL_STATES, ExportParams, ExportRequest, Job, JobKind
from api_schemas.problems import ErrorCode
from method.files import EXPORT_ENDINGS
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError, invalid
from service.core.kinds.export import export_digest, misfit
from service.core.objects.storage import blob_key
from service.core.resources import jobs
from service.core.resources.datasets import download_name, manifest_of

_MEDIA_TYPE = "application/zip"
"""Of every format: an npz file is a zip."""


def export(core: Core, dataset_id: str, export_format: ExportFormat) -> str | Job:
    """Return a download link, or the job that writes the file first: one that is under way, else a new one.

    Raises ServiceError NOT_FOUND, DATASET_NOT_READY, QUOTA_EXCEEDED, or INVALID_REQUEST naming `query.format`.
    """
    dataset = manifest_of(core, dataset_id)
    if dataset.state is not DatasetState.READY:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset_id} is {dataset.state}: there is nothing to export.")
    fault = misfit(dataset, export_format)
    if fault is not None:
        raise invalid("query.format", "format_fits_set", export_format, fault)
    sha256 = _made(core, dataset, export_format)
    if sha256 is not None:
        name = download_name(dataset, EXPORT_ENDINGS[export_format])
        return core.storage.presign(blob_key(sha256), name, _MEDIA_TYPE)
    # Also where an admin asks: what is made of a set is its owner's.
    core = core.acting_for(dataset.tenant)
    under_way = _under_way(core, dataset, export_format)
    if under_way is not None:
        return under_way
    params = ExportParams(dataset=dataset.id, format=export_format)
    return jobs.submit(core, ExportRequest(kind=JobKind.EXPORT, params=params), None)[0]


def _made(core: Core, dataset: DatasetManifest, export_format: ExportFormat) -> str | None:
    for job_id, name in core.store.computed(export_digest(dataset, export_format)):
        job = core.store.load(job_id, [name])
        for task in job.tasks if job is not None else ():
            return next(iter(task.files.values()))
    return None


def _under_way(core: Core, dataset: DatasetManifest, export_format: ExportFormat) -> Job | None:
    users = core.redis.smembers(redis_keys.users(redis_keys.dataset(dataset.id)))
    for job in core.store.load_many(map(str, users), []):
        is_the_same = job.kind is JobKind.EXPORT and job.params.get("format", ExportFormat.NPZ) == export_format
        if is_the_same and job.state not in TERMINAL_STATES:
            return jobs.view(core, job.id)
    return None
