"""Rebuilds from the object storage all that Redis may have lost: the catalogue, the jobs, the owners of blobs.

Nothing that Redis has is replaced, so this may run at any time, beside fronts and workers, and again. Finished jobs
come back as they ended. Unfinished ones are queued again under their ids and keep the tasks whose results are stored;
their attempts have numbers that no worker of before can hold. Events, checkpoints and measured speeds are lost.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from api_schemas.datasets import DatasetState
from api_schemas.jobs import TERMINAL_STATES, JobState
from api_schemas.problems import ErrorCode
from api_schemas.registered import STORED
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.locks import held_alone
from service.core.lifecycle import changes, pins
from service.core.lifecycle.attempts import job_result_key, results_prefix
from service.core.lifecycle.awaited import plan_key
from service.core.lifecycle.outbox import end_key
from service.core.lifecycle.reports import report_key
from service.core.lifecycle.submission import request_key
from service.core.queue.records import TaskRecord
from service.core.queue.store import IDEMPOTENCY_SECONDS
from service.core.upkeep.restored_job import RestoredJob

LOCK_SECONDS = 4 * 3600

NUMBERS_OF_ATTEMPTS = 1000
"""A rebuilt task counts its attempts from the next multiple of this: more than a task ever has."""
READERS = 16
"""Documents read at a time."""

Read = TypeVar("Read")
Asked = TypeVar("Asked")


@dataclass(frozen=True)
class Restored:
    """How many of each were put back."""

    datasets: int
    labelers: int
    finished_jobs: int
    unfinished_jobs: int


def rebuild_index(core: Core) -> Restored:
    """Restore what is missing. Raises ServiceError UNAVAILABLE when another process is at it."""
    with held_alone(core.redis, redis_keys.INDEX_LOCK, LOCK_SECONDS) as alone:
        if not alone:
            message = "The index is being rebuilt or swept by another process; try again."
            raise ServiceError(ErrorCode.UNAVAILABLE, message)
        jobs = _jobs(core)
        datasets, labelers = _manifests(core)
        # Those that nobody sees yet as well: an attempt that finds a manifest takes it over.
        stored: list[DatasetManifest | LabelerManifest] = [*datasets, *labelers]
        for found in stored:
            for blob in found.blobs.values():
                core.blobs.hold(found.id, blob.sha256)
        made = {makes for job in jobs for makes in job.made}
        known = {job.id for job in jobs}
        shown = [manifest for manifest in datasets if _is_shown(manifest, made, known)]
        trained = [manifest for manifest in labelers if manifest.id in made or manifest.job not in known]
        restored = Restored(
            datasets=sum(core.catalogue.restore(manifest) for manifest in shown),
            labelers=sum(core.catalogue.restore(manifest) for manifest in trained),
            finished_jobs=sum(_restore_job(core, job) for job in jobs if job.state in TERMINAL_STATES),
            unfinished_jobs=sum(_restore_job(core, job) for job in jobs if job.state not in TERMINAL_STATES),
        )
        _relate(core, jobs)
        pins.restore(core)
        validating = {manifest.job for manifest in shown if manifest.state is DatasetState.VALIDATING}
        for job in jobs:
            if job.state in TERMINAL_STATES and (job.id in validating or job.end is None):
                core.redis.sadd(redis_keys.OUTBOX, f"close {job.id}")
        core.redis.set(redis_keys.INDEXED, 1)
    return restored


def _jobs(core: Core) -> list[RestoredJob]:
    """Read every job but those that are being removed."""
    ids = sorted({key.split("/")[1] for key in core.storage.list_keys("jobs/") if key.endswith("/request.json")})
    due = set(core.store.due())
    rebuilds = _count_rebuild(core)

    def read(job_id: str) -> RestoredJob | None:
        request = core.storage.get_json(request_key(job_id))
        if request is None or not {"created", "tenant"} <= request.keys():
            # The latter: of a version that did not note how jobs end, so that it would begin again.
            return None
        if "awaits" in request:
            request |= core.storage.get_json(plan_key(job_id)) or {}
        end = core.storage.get_json(end_key(job_id))
        notes = {} if end is not None else _notes(core, job_id)
        return RestoredJob(job_id, request, end, notes, rebuilds * NUMBERS_OF_ATTEMPTS, job_result_key(job_id))

    found = _together(read, [job_id for job_id in ids if f"forget {job_id}" not in due])
    return [job for job in found if job is not None]


def _notes(core: Core, job_id: str) -> dict[str, dict[str, str]]:
    """Return {task: fields that tell of its success} of the tasks whose results are stored."""
    newest: dict[str, int] = {}
    prefix = results_prefix(job_id)
    for key in core.storage.list_keys(prefix):
        task, _, number = key.removeprefix(prefix).removesuffix(".json").rpartition("/")
        newest[task] = max(newest.get(task, 0), int(number))
    keys = {task: f"{prefix}{task}/{number}.json" for task, number in newest.items()}
    return {task: (core.storage.note_of(key) or {}) | {"result": key} for task, key in keys.items()}


def _count_rebuild(core: Core) -> int:
    """Return how many times the index was rebuilt, this one included."""
    key = "index/rebuilds.json"
    count: int = (core.storage.get_json(key) or {"rebuilds": 0})["rebuilds"] + 1
    core.storage.put_json(key, {"rebuilds": count})
    return count


def _manifests(core: Core) -> tuple[list[DatasetManifest], list[LabelerManifest]]:
    """Read every manifest, and of datasets that have none yet what was uploaded."""
    due = set(core.store.due())
    keys = core.storage.list_keys("datasets/")
    ready = {key.split("/")[1] for key in keys if key.endswith("/manifest.json")}
    # One that has both was validated since.
    wanted = [key for key in keys if key.endswith("/manifest.json") or key.split("/")[1] not in ready]
    wanted = [key for key in wanted if f"delete {key.split('/')[1]}" not in due]
    datasets = _together(core.storage.get_json, wanted)
    labelers = _together(core.storage.get_json, core.storage.list_keys("labelers/"))
    return (
        changes.applied(
            core,
            [DatasetManifest.model_validate(document, context=STORED) for document in datasets if document is not None],
        ),
        [LabelerManifest.model_validate(document, context=STORED) for document in labelers if document is not None],
    )


def _is_shown(dataset: DatasetManifest, made: set[str], known: set[str]) -> bool:
    """Tell whether a dataset is to be seen: one that is ready only once the task that made it has succeeded."""
    if dataset.job not in known:
        # Retention has removed the job. A dataset that was to be validated was never accepted without one.
        return dataset.state is not DatasetState.VALIDATING
    return dataset.state is not DatasetState.READY or dataset.id in made or dataset.previous is not None


def _restore_job(core: Core, job: RestoredJob) -> bool:
    """Put a job back unless it is there; tells whether it was not."""
    report = core.storage.get_json(report_key(job.id)) if job.state is JobState.SUCCEEDED else None
    for figure in (report or {}).get("figures", []):
        core.blobs.hold(job.id, figure["sha256"])
    for name, fields in job.tasks.items():
        for sha256 in TaskRecord(name, fields).files.values():
            core.blobs.hold(job.id, sha256)
    there = [dataset for dataset in job.request["reads"] if core.catalogue.dataset(dataset) is not None]
    return core.store.submit(job.id, job.specification(there)).outcome == "created"


def _relate(core: Core, jobs: Iterable[RestoredJob]) -> None:
    """Restore which job retried which, and the idempotency keys that still count."""
    now = core.store.now()
    for job in jobs:
        retried, named = job.request["retry_of"], job.request["idempotency"]
        if retried and core.store.state(retried) is not None:
            core.redis.hsetnx(redis_keys.job(retried), "retried_as", job.id)
        left = IDEMPOTENCY_SECONDS - round((now - job.request["created"]) / 1000)
        if named is not None and left > 0:
            core.store.remember(named["key"], named["digest"], job.id, left)


def _together(read: Callable[[Asked], Read], asked: Iterable[Asked]) -> list[Read]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(read, asked))
