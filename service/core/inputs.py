"""What a claimed task works on: references become digests, keys and JSON documents."""

from typing import Any

from service.core.core import Core
from service.core.errors import not_found
from service.core.kinds.ingest_dataset import uploaded_name
from service.core.plan import Ref
from service.core.records import JobRecord

Files = dict[str, str]
"""{file name: SHA-256 of a blob, or key of an object}."""


def resolve(core: Core, job: JobRecord, ref: Ref) -> tuple[Files, dict[str, Any]]:
    """Return the files and the document of an input. Raises ServiceError NOT_FOUND for what is gone."""
    if ref.kind == "task":
        task = job.task(ref.id)
        document = core.storage.get_json(task.result) if task is not None and task.result is not None else None
        if document is None:
            raise not_found("result of task", ref.id)
        return {}, document
    if ref.kind == "labeler":
        labeler = core.catalogue.labeler(ref.id)
        if labeler is None:
            raise not_found("labeler", ref.id)
        return _chosen(ref, {name: blob.sha256 for name, blob in labeler.blobs.items()}), labeler.shown().model_dump(
            mode="json"
        )
    dataset = core.catalogue.dataset(ref.id)
    if dataset is None:
        raise not_found("dataset", ref.id)
    if ref.kind == "uploads":
        names = [uploaded_name(index) for index in range(len(dataset.files))]
        files = {name: f"{upload_prefix(dataset.id)}{name}" for name in names}
    else:
        files = {name: blob.sha256 for name, blob in dataset.blobs.items()}
    return _chosen(ref, files), dataset.shown().model_dump(mode="json")


def _chosen(ref: Ref, files: Files) -> Files:
    return files if ref.files is None else {name: files[name] for name in ref.files}


def upload_prefix(dataset_id: str) -> str:
    """Return what the keys of a dataset's raw uploads start with."""
    return f"uploads/{dataset_id}/"
