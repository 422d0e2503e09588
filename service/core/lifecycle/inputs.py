"""The inputs of a claimed task: references become digests, keys and JSON documents."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from service.core.clients import Core
from service.core.foundation.errors import not_found
from service.core.objects.received_files import uploaded_name
from service.core.queue.plan import Ref

Files = dict[str, str]
"""{file name: SHA-256 of a blob, or key of an object}."""


READERS = 16
"""Results of tasks read at a time: a storage that is far away answers late, not slowly."""


def results(core: Core, job_id: str, tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return {task: its result} for tasks of a job. Raises ServiceError NOT_FOUND for one that is gone."""

    def read(pair: tuple[str, str | None]) -> dict[str, Any]:
        task, key = pair
        document = core.storage.get_json(key) if key is not None else None
        if document is None:
            raise not_found("result of task", task)
        return document

    keys = core.store.results(job_id, tasks)
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(tasks, pool.map(read, zip(tasks, keys, strict=True)), strict=True))


def resolve(core: Core, ref: Ref) -> tuple[Files, dict[str, Any]]:
    """Return the files and the document of a catalogue entry; uploads have no document.

    Raises ServiceError NOT_FOUND for what is gone.
    """
    if ref.kind == "uploads":
        return {uploaded_name(index): key for index, key in enumerate(ref.files or ())}, {}
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
    files = {name: blob.sha256 for name, blob in dataset.blobs.items()}
    return _chosen(ref, files), dataset.shown().model_dump(mode="json")


def _chosen(ref: Ref, files: Files) -> Files:
    return files if ref.files is None else {name: files[name] for name in ref.files}
