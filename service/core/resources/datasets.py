"""Distilled sets and source sets, for the routes: create, show, list, delete, download."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from api_schemas.base import MAX_NAME
from api_schemas.datasets import (
    ArchiveFormat,
    Dataset,
    DatasetMetadata,
    DatasetPage,
    DatasetRole,
    DatasetState,
)
from api_schemas.jobs import TERMINAL_STATES, JobKind
from api_schemas.problems import ErrorCode
from method.files import ARCHIVE, ARCHIVE_ENDINGS
from method.normalizations import ZCA
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, existing, invalid, not_found, reason
from service.core.foundation.ids import new_id
from service.core.foundation.listing import EVERYTHING, Asked
from service.core.kinds import KINDS
from service.core.kinds.ingest_dataset import DatasetUpload
from service.core.lifecycle import outbox, pins
from service.core.lifecycle.repeats import UNKEYED, KeyedRequest
from service.core.lifecycle.submission import Submission, task_fields
from service.core.objects import received_files
from service.core.objects.received_files import StreamedFile, upload_ids
from service.core.objects.storage import blob_key
from service.core.resources.kept import with_expiry


def create(
    core: Core, metadata: DatasetMetadata, files: Sequence[StreamedFile], dataset_id: str, asked: KeyedRequest = UNKEYED
) -> Dataset:
    """Record a dataset in state `validating` and start its ingestion job.

    Where an equal request with the key of `asked` came at the same time, it is that one's dataset that is returned.

    The caller has made the id with `new_id("ds")` and streamed the files to `received_files.upload_key`, in order. On
    an error these are removed, while uploads in parts stay for another try. Raises ServiceError INVALID_REQUEST naming
    `body.files`, `body.metadata.source_dataset` or `body.metadata.normalization`, and QUOTA_EXCEEDED.
    """
    try:
        _check_files(files)
        _check_source(core, metadata)
        dataset = _record(core, metadata, files, dataset_id, asked)
    except BaseException:
        received_files.discard_uploads(core.storage, dataset_id)
        raise
    if dataset.id != dataset_id:
        received_files.discard_uploads(core.storage, dataset_id)
    return dataset


def _record(
    core: Core, metadata: DatasetMetadata, files: Sequence[StreamedFile], dataset_id: str, asked: KeyedRequest
) -> Dataset:
    job_id = new_id("job")
    manifest = DatasetManifest(
        id=dataset_id,
        tenant=core.tenant,
        name=metadata.name,
        role=metadata.role,
        state=DatasetState.VALIDATING,
        metadata=metadata,
        files=[file.received for file in files],
        job=job_id,
        created_at=datetime.now(UTC),
    )
    plan = KINDS[JobKind.INGEST_DATASET].plan(core, DatasetUpload(manifest, files))
    core.catalogue.store(manifest)
    tasks = {task.name: task_fields(task) for task in plan.tasks}
    submission = Submission(
        JobKind.INGEST_DATASET,
        plan.params,
        {},
        tasks,
        plan.reads,
        dataset=manifest,
        uploads=upload_ids(files),
        key=asked.key,
        digest=asked.digest,
        name=f"{JobKind.INGEST_DATASET}: {metadata.name}"[:MAX_NAME],
    )
    try:
        recorded = submission.send(core, job_id)
    except ServiceError as error:
        if error.code is not ErrorCode.UNAVAILABLE:
            core.catalogue.forget_dataset(dataset_id)
        raise
    if recorded.outcome == "exists" and recorded.id != job_id:
        core.catalogue.forget_dataset(dataset_id)
        return made_by(core, recorded.id)
    return manifest.shown()


def made_by(core: Core, job_id: str) -> Dataset:
    """Return the dataset of an ingestion job. Raises ServiceError NOT_FOUND where either is gone."""
    job = existing(core.store.load(job_id), "job", job_id)
    return view(core, str(job.tasks[0].makes))


def _check_files(files: Sequence[StreamedFile]) -> None:
    if not files:
        missing = reason("body.files", "missing", None, "A dataset is made of one file or more")
        raise ServiceError(ErrorCode.INVALID_REQUEST, f"{missing.location}: {missing.message}.", [missing])


def _check_source(core: Core, metadata: DatasetMetadata) -> None:
    named, whitened = metadata.source_dataset, metadata.normalization == ZCA
    if whitened and (metadata.role is DatasetRole.SOURCE or named is None):
        message = "zca is for distilled sets: its matrix is fitted to their source set, which source_dataset must name"
        raise invalid("body.metadata.normalization", "zca_needs_source", "zca", message)
    if named is None:
        return
    source = core.catalogue.dataset(named)
    if metadata.role is DatasetRole.SOURCE:
        rule, message = "distilled_only", "a source set has no source set of its own"
    elif source is None:
        rule, message = "not_found", f"there is no dataset {named}"
    elif source.role is not DatasetRole.SOURCE:
        rule, message = "is_source_set", f"{named} is a {source.role} set, not a source set"
    elif whitened and source.state is not DatasetState.READY:
        rule, message = (
            "source_is_ready",
            f"zca is fitted to the images of {named}, which is {source.state}: wait for it",
        )
    else:
        return
    raise invalid("body.metadata.source_dataset", rule, named, message)


def view(core: Core, dataset_id: str) -> Dataset:
    """Return a dataset. Raises ServiceError NOT_FOUND."""
    dataset = manifest_of(core, dataset_id)
    if dataset.state is DatasetState.VALIDATING and core.store.state(dataset.job) in TERMINAL_STATES:
        # The job failed or was canceled a moment ago, and its entry of the outbox is still on the way.
        outbox.attend(core, f"close {dataset.job}")
        dataset = manifest_of(core, dataset_id)
    return with_expiry(core, [dataset.shown()])[0]


def manifest_of(core: Core, dataset_id: str) -> DatasetManifest:
    """Return what is known of a dataset. Raises ServiceError NOT_FOUND."""
    return existing(core.catalogue.dataset(dataset_id), "dataset", dataset_id)


def page(core: Core, asked: Asked = EVERYTHING, cursor: str | None = None, limit: int = 100) -> DatasetPage:
    """Return the newest datasets after `cursor` that match.

    Raises ServiceError INVALID_REQUEST naming `query.cursor`.
    """
    datasets, found = core.catalogue.datasets(asked, cursor, limit)
    items = with_expiry(core, [dataset.shown() for dataset in datasets])
    return DatasetPage(items=items, next_cursor=found.next_cursor, complete=found.complete)


def delete(core: Core, dataset_id: str) -> None:
    """Remove a dataset and the blobs nothing else refers to.

    Raises ServiceError NOT_FOUND, or DATASET_IN_USE while an unfinished job reads or makes it.
    """
    answer = core.catalogue.delete_dataset(dataset_id)
    if answer == "missing":
        raise not_found("dataset", dataset_id)
    if answer != "deleted":
        raise ServiceError(
            ErrorCode.DATASET_IN_USE,
            f"{dataset_id} is used by {answer}, which is not finished: wait for it or cancel it.",
        )
    pins.unpin(core, dataset_id)
    outbox.attend(core, f"delete {dataset_id}")


_MEDIA_TYPES = {
    ArchiveFormat.ZIP: "application/zip",
    ArchiveFormat.MTT: "application/zip",
    ArchiveFormat.SAFETENSORS: "application/octet-stream",
    ArchiveFormat.WEBDATASET: "application/x-tar",
    ArchiveFormat.PARQUET: "application/vnd.apache.parquet",
}
"""Of a download."""


def archive_url(core: Core, dataset_id: str, archive_format: ArchiveFormat = ArchiveFormat.ZIP) -> str:
    """Return a download link for the archive in a format.

    Raises ServiceError NOT_FOUND, or NO_ARCHIVE for a set without archive or with one in other formats.
    """
    dataset = manifest_of(core, dataset_id)
    if ARCHIVE not in dataset.blobs:
        raise ServiceError(ErrorCode.NO_ARCHIVE, f"{dataset_id} is not label-augmented, so it has no archive.")
    archive = dataset.blobs.get(f"archive.{archive_format}")
    if archive is None:
        there = ", ".join(other for other in ArchiveFormat if f"archive.{other}" in dataset.blobs)
        message = (
            f"{dataset_id} has its archive as {there}, not as {archive_format}: `formats` of the job that writes the "
            "dense labels says what else is written"
        )
        reasons = [reason("query.format", "format_was_written", archive_format, message)]
        raise ServiceError(ErrorCode.NO_ARCHIVE, message, reasons)
    name = download_name(dataset, ARCHIVE_ENDINGS[archive_format])
    return core.storage.presign(blob_key(archive.sha256), name, _MEDIA_TYPES[archive_format])


def download_name(dataset: DatasetManifest, ending: str) -> str:
    """Return the name of a file with a set in it: words of the set's own name, and its id."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", dataset.name).strip("-").lower()[:60]
    return f"{words or 'archive'}-{dataset.id}.{ending}"
