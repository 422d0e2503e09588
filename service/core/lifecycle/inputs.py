"""The inputs of a claimed task: references become digests, keys and JSON documents."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from service.core.clients import Core
from service.core.foundation.errors import existing, not_found
from service.core.lifecycle.reports import report_key
from service.core.objects.received_files import uploaded_name
from service.core.queue.plan import Ref

Files = dict[str, str]
"""{file name: SHA-256 of a blob, or key of an object}."""


READERS = 16
"""Results of tasks read at a time: a storage that is far away answers late, not slowly."""


def results(core: Core, job_id: str, tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return {task: its result} for tasks of a job. Raises ServiceError NOT_FOUND for one that is gone."""

    def read(task: str, key: str | None) -> dict[str, Any]:
        return existing(core.storage.get_json(key) if key is not None else None, "result of task", task)

    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(tasks, pool.map(read, tasks, core.store.results(job_id, tasks)), strict=True))


def resolve(core: Core, ref: Ref) -> tuple[Files, dict[str, Any]]:
    """Return the files and the document of a catalogue entry; uploads have no document.

    Raises ServiceError NOT_FOUND for what is gone.
    """
    if ref.kind == "uploads":
        return {uploaded_name(index): key for index, key in enumerate(ref.files or ())}, {}
    if ref.kind == "report":
        return {}, existing(core.storage.get_json(report_key(ref.id)), "report of", ref.id)
    entry = core.catalogue.entry(ref.id)
    if entry is None:
        raise not_found(ref.kind, ref.id)
    wanted = entry.blobs if ref.files is None else ref.files
    return {name: entry.blobs[name].sha256 for name in wanted}, entry.shown().model_dump(mode="json")
