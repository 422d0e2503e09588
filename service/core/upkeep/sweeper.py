"""Removes unreferenced objects: leftovers of crashes, of uploads that nobody completed, of attempts that were lost.

Objects younger than `upload_hours` stay, since they may still be written. Blobs go in two steps: one that an owner
holds without need is marked, and given up only if it is still marked and not needed when the mark has that age; holding
it again takes the mark away (`scripts/hold_blob.lua`). Nothing is touched while Redis may know less than the storage.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from api_schemas.jobs import TERMINAL_STATES
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.listing import walk
from service.core.foundation.locks import held_alone
from service.core.objects.received_files import UPLOADS
from service.core.objects.storage import BLOBS, PROBES
from service.core.upkeep import retention
from service.core.upkeep.rebuild_index import LOCK_SECONDS

BATCH = 500
"""Blobs looked up at a time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """The needs of unfinished jobs."""

    owners: frozenset[str]
    """Datasets and labelers that they make, jobs that there are, and tasks with checkpoints."""
    uploads: frozenset[str]
    """Keys of raw files."""


def sweep_when_due(core: Core) -> None:
    """Sweep unless that was done in the last `sweep_hours`."""
    if core.redis.set(redis_keys.SWEPT, 1, nx=True, ex=round(core.settings.sweep_hours * 3600)):
        sweep(core)


def sweep(core: Core, now: datetime | None = None) -> bool:
    """Expire and collect; False when the index is incomplete, or another process is at it. `now`: when it is."""
    with held_alone(core.redis, redis_keys.INDEX_LOCK, LOCK_SECONDS) as alone:
        if not alone:
            return False
        if not _is_indexed(core):
            logger.warning("nothing is swept: Redis may have been wiped; run python -m service.rebuild_index")
            return False
        now = now or datetime.now(UTC)
        retention.expire(core, now)
        before = now - timedelta(hours=core.settings.upload_hours)
        _sweep_uploads(core, before)
        _give_up_blobs(core, now, before)
        _remove_ownerless_blobs(core, before)
        _remove_probes(core, before)
    return True


def _is_indexed(core: Core) -> bool:
    """Tell whether Redis knows everything that the storage holds, as it does from the start of an empty one."""
    if core.redis.exists(redis_keys.INDEXED):
        return True
    folders = ("jobs/", "datasets/", "labelers/")
    if any(next(core.storage.dated_keys(folder), None) for folder in folders):
        return False
    core.redis.set(redis_keys.INDEXED, 1)
    return True


def _sweep_uploads(core: Core, before: datetime) -> None:
    """Remove raw files that no job will read, and abort what was never put together."""
    old = [key for key, written in core.storage.dated_keys(UPLOADS) if written < before]
    # First the records, then the jobs: one step of the script that records a job trades the one for the other.
    kept = {key for key in old if _has_record(core, key)}
    kept |= _live(core).uploads
    for key in old:
        if key not in kept:
            core.storage.delete(key)
    for key, parts_id in list(core.storage.parts.begun_before(before)):
        if not _has_record(core, key):
            core.storage.parts.abort(key, parts_id)


def _has_record(core: Core, key: str) -> bool:
    return bool(key.startswith(UPLOADS) and core.redis.exists(redis_keys.upload(key.split("/")[1])))


def _give_up_blobs(core: Core, now: datetime, before: datetime) -> None:
    """Mark what owners hold without need, and take what has been marked for long enough."""
    live = _live(core)
    for owner in core.blobs.owners():
        held = core.blobs.held_by(owner)
        needless = held - _needed(core, owner, held, live)
        core.blobs.unmark(owner, held - needless)
        expired = core.blobs.mark(owner, needless, now.timestamp(), before.timestamp())
        # The owner may have come back to life since.
        if expired and not expired & _needed(core, owner, held, _live(core)):
            _forget_manifest(core, owner)
            for sha256 in expired:
                core.blobs.drop(owner, sha256, before.timestamp())


def _needed(core: Core, owner: str, held: set[str], live: Live) -> set[str]:
    """Return the blobs that an owner has use for."""
    if owner in live.owners:
        return held
    manifest = core.catalogue.entry(owner)
    return set() if manifest is None else {blob.sha256 for blob in manifest.blobs.values()}


def _forget_manifest(core: Core, owner: str) -> None:
    """Remove the manifest of an owner that never became visible: a later attempt would find it without its blobs."""
    if owner.startswith("ds_") and core.catalogue.dataset(owner) is None:
        core.catalogue.forget_dataset(owner)
    if owner.startswith("lb_") and core.catalogue.labeler(owner) is None:
        core.catalogue.forget_labeler(owner)


def _live(core: Core) -> Live:
    owners: set[str] = set()
    uploads: set[str] = set()
    for ids in walk(core.redis, redis_keys.JOBS):
        owners |= set(ids)
        unfinished = [
            job_id for job_id, state in zip(ids, core.store.states(ids), strict=True) if state not in TERMINAL_STATES
        ]
        for job in core.store.load_many(unfinished):
            for task in job.tasks:
                owners |= {f"{job.id}/{task.name}", task.makes or job.id}
                for ref in task.inputs.values():
                    uploads |= set(ref.files or ()) if ref.kind == "uploads" else set()
    return Live(frozenset(owners), frozenset(uploads))


def _remove_ownerless_blobs(core: Core, before: datetime) -> None:
    old = (key.rpartition("/")[2] for key, written in core.storage.dated_keys(BLOBS) if written < before)
    for digests in _batches(old):
        for sha256 in core.blobs.without_owner(digests):
            core.blobs.remove_ownerless(sha256)


def _remove_probes(core: Core, before: datetime) -> None:
    """Remove what health checks left that were killed: until 0.2 each had a key of its own."""
    for key, written in list(core.storage.dated_keys(PROBES)):
        if written < before:
            core.storage.delete(key)


def _batches(entries: Iterator[str]) -> Iterator[Sequence[str]]:
    while batch := list(islice(entries, BATCH)):
        yield batch
