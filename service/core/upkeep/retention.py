"""Removal with age: jobs that waited too long or ended long ago, datasets and labelers nobody uses."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from api_schemas.jobs import TERMINAL_STATES, JobState
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.listing import walk
from service.core.lifecycle import outbox, pins
from service.core.queue.records import JobRecord


def expire(core: Core, now: datetime) -> None:
    """Expire jobs of which nothing began in `queue_hours`; remove what is older than `retention_days` and unused.

    A finished job is removed so long after its end, unless the job that retried it is there: it reads its results.
    A dataset is removed so long after it was made, unless a job that is there, or a dataset that stays, names it.
    So is a labeler; of datasets, archives name labelers. What is pinned stays, and so does what it names.
    """
    settings = core.settings
    if settings.queue_hours is not None:
        _expire_queued(core, now - timedelta(hours=settings.queue_hours))
    if settings.retention_days is not None:
        before = now - timedelta(days=settings.retention_days)
        _forget_jobs(core, before)
        _delete_datasets(core, before)
        _delete_labelers(core, before)


def _expire_queued(core: Core, before: datetime) -> None:
    for job in _jobs(core):
        if job.state is JobState.QUEUED and int(job.fields["created"]) < before.timestamp() * 1000:
            core.store.expire(job.id)
            if core.store.is_due(f"close {job.id}"):
                outbox.attend(core, f"close {job.id}")


def _forget_jobs(core: Core, before: datetime) -> None:
    for job in _jobs(core):
        if job.state not in TERMINAL_STATES or int(job.fields["finished"]) >= before.timestamp() * 1000:
            continue
        if pins.pinned(core, [job.id]):
            continue
        # Refused while the job that retried it is there.
        if core.store.forget(job.id):
            outbox.attend(core, f"forget {job.id}")


def _delete_datasets(core: Core, before: datetime) -> None:
    datasets = {dataset.id: dataset for dataset in core.catalogue.every_dataset()}
    named = {dataset_id for job in _jobs(core) for dataset_id in job.datasets}
    named |= pins.pinned(core, list(datasets))
    staying = [dataset for dataset in datasets.values() if dataset.id in named or dataset.created_at >= before]
    stay: set[str] = set()
    while staying:
        dataset = staying.pop()
        stay.add(dataset.id)
        staying += [datasets[other] for other in _named_by(dataset) if other in datasets and other not in stay]
    for dataset_id in datasets.keys() - stay:
        # Refused while an unfinished job uses it: one may have come since.
        if core.catalogue.delete_dataset(dataset_id) == "deleted":
            outbox.attend(core, f"delete {dataset_id}")


def _delete_labelers(core: Core, before: datetime) -> None:
    if not all("labelers" in job.fields for job in _jobs(core)):
        # Of jobs from before there was that field it is not known which labelers they name. They go, too.
        return
    named = {labeler_id for dataset in core.catalogue.every_dataset() for labeler_id in _labelers_of(dataset)}
    for labeler in core.catalogue.every_labeler():
        if labeler.created_at < before and labeler.id not in named and not pins.pinned(core, [labeler.id]):
            # Refused while a job names it.
            core.catalogue.delete_labeler(labeler.id)


def _labelers_of(dataset: DatasetManifest) -> list[str]:
    if dataset.augmentation is None:
        return []
    labeler = dataset.augmentation.labeler
    if labeler is None:  # It was read from an archive.
        return []
    return [labeler] if isinstance(labeler, str) else labeler.ensemble


def _named_by(dataset: DatasetManifest) -> set[str]:
    parent = dataset.augmentation.parent if dataset.augmentation is not None else None
    return {other for other in (parent, dataset.metadata.source_dataset) if other is not None}


def _jobs(core: Core) -> Iterator[JobRecord]:
    """Yield every job, without its tasks, newest first: those that retried others come before these."""
    for ids in walk(core.redis, redis_keys.JOBS):
        yield from core.store.load_many(ids, tasks=[])
