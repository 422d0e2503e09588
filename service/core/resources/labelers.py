"""Labelers, for the routes: import, show, list, delete."""

from collections.abc import Sequence

from api_schemas.base import MAX_NAME
from api_schemas.jobs import Job, JobKind
from api_schemas.labelers import Labeler, LabelerMetadata, LabelerPage
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, existing, not_found
from service.core.foundation.listing import EVERYTHING, Asked
from service.core.kinds import KINDS
from service.core.kinds.import_labeler import LabelerUpload
from service.core.lifecycle import pins
from service.core.lifecycle.repeats import UNKEYED, KeyedRequest
from service.core.lifecycle.submission import Submission, task_fields
from service.core.objects import received_files
from service.core.objects.received_files import StreamedFile, upload_ids
from service.core.resources import jobs
from service.core.resources.kept import with_expiry


def import_labeler(
    core: Core, metadata: LabelerMetadata, files: Sequence[StreamedFile], labeler_id: str, asked: KeyedRequest = UNKEYED
) -> tuple[Job, bool]:
    """Start the job that reads a network and makes a labeler of it; return it and whether this call started it.

    Where an equal request with the key of `asked` came at the same time, it is that one's job that is returned.

    The caller has made the id with `new_id("lb")` and streamed the files to `received_files.upload_key`, in order. On
    an error these are removed, while uploads in parts stay for another try. Raises ServiceError INVALID_REQUEST or
    DATASET_NOT_READY, with reasons that name `body.metadata.<field>` or `body.files`, and QUOTA_EXCEEDED.
    """
    try:
        upload = LabelerUpload(labeler_id, metadata, files)
        plan = KINDS[JobKind.IMPORT_LABELER].plan(core, upload)
        tasks = {task.name: task_fields(task) for task in plan.tasks}
        submission = Submission(
            JobKind.IMPORT_LABELER,
            plan.params,
            {},
            tasks,
            plan.reads,
            uploads=upload_ids(files),
            name=f"{JobKind.IMPORT_LABELER}: {metadata.name}"[:MAX_NAME],
            key=asked.key,
            digest=asked.digest,
        )
        job, created = jobs.record(core, submission)
    except BaseException:
        received_files.discard_uploads(core.storage, labeler_id)
        raise
    if not created:
        received_files.discard_uploads(core.storage, labeler_id)
    return job, created


def view(core: Core, labeler_id: str) -> Labeler:
    """Return a labeler. Raises ServiceError NOT_FOUND."""
    shown = existing(core.catalogue.labeler(labeler_id), "labeler", labeler_id).shown()
    return with_expiry(core, [shown])[0]


def delete(core: Core, labeler_id: str) -> None:
    """Remove a labeler; its weights go when the sweeper comes by.

    Archives that it labelled keep their labels. Raises ServiceError NOT_FOUND, or LABELER_IN_USE while an unfinished
    job trains or uses it.
    """
    answer = core.catalogue.delete_labeler(labeler_id, ended_jobs_matter=False)
    if answer == "missing":
        raise not_found("labeler", labeler_id)
    if answer != "deleted":
        message = f"{labeler_id} is used by {answer}, which is not finished: wait for it or cancel it."
        raise ServiceError(ErrorCode.LABELER_IN_USE, message)
    pins.unpin(core, labeler_id)


def page(core: Core, asked: Asked = EVERYTHING, cursor: str | None = None, limit: int = 100) -> LabelerPage:
    """Return the newest labelers after `cursor` that match.

    Raises ServiceError INVALID_REQUEST naming `query.cursor`.
    """
    labelers, found = core.catalogue.labelers(asked, cursor, limit)
    items = with_expiry(core, [labeler.shown() for labeler in labelers])
    return LabelerPage(items=items, next_cursor=found.next_cursor, complete=found.complete)
