"""Datasets and labelers: the truth is a manifest in the object storage; Redis indexes them."""

import copy
import json
from collections.abc import Iterator, Sequence

from redis import Redis

from api_schemas.datasets import DatasetState
from api_schemas.registered import STORED
from service.core.catalogue.manifests import AnyManifest, DatasetManifest, LabelerManifest, changes_key
from service.core.foundation import redis_keys
from service.core.foundation.listing import EVERYTHING, Asked, Entry, Listing, walk
from service.core.foundation.redis_keys import Pattern
from service.core.foundation.scripts import register
from service.core.foundation.search import Found, search
from service.core.foundation.tenants import listing_for, sees
from service.core.objects.storage import Storage
from service.core.queue import states

QUEUE = "service.core.queue"
"""The room of the scripts that change what the index holds."""


class Catalogue:
    """Reads the index, and writes manifests."""

    _viewer: str | None = None

    def __init__(self, redis: Redis, storage: Storage) -> None:
        self._redis = redis
        self._storage = storage
        self._delete = register(redis, QUEUE, "index", "delete_manifest", preface=states.lua())
        self._show = register(redis, QUEUE, "index", "show_manifest")
        self._restore = register(redis, QUEUE, "index", "restore_manifest")

    def seen_by(self, viewer: str | None) -> "Catalogue":
        """Return the catalogue as a tenant sees it; None: everything."""
        seen = copy.copy(self)
        seen._viewer = viewer
        return seen

    def dataset(self, dataset_id: str) -> DatasetManifest | None:
        """Return a dataset, None when there is none of this id."""
        return next(iter(self._load(redis_keys.dataset, DatasetManifest, [dataset_id])), None)

    def labeler(self, labeler_id: str) -> LabelerManifest | None:
        """Return a labeler, None when there is none of this id."""
        return next(iter(self._load(redis_keys.labeler, LabelerManifest, [labeler_id])), None)

    def entry(self, id: str) -> DatasetManifest | LabelerManifest | None:
        """Return the dataset or labeler of this id, None when there is none."""
        return self.dataset(id) if id.startswith("ds_") else self.labeler(id)

    def labelled(self, digest: str) -> list[str]:
        """Return the ids of the sets that were labelled in the way of this digest, the first one first."""
        return [str(dataset_id) for dataset_id in self._redis.zrange(redis_keys.labelled(digest), 0, -1)]

    def _load(self, key: Pattern, model: type[AnyManifest], ids: Sequence[str]) -> list[AnyManifest]:
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hget(key(id), "document")
        found = [model.model_validate_json(text, context=STORED) for text in pipeline.execute() if text]
        return [manifest for manifest in found if sees(self._viewer, manifest.tenant)]

    @property
    def dataset_listing(self) -> Listing:
        """The list of all datasets to be seen."""
        key = listing_for(self._viewer, redis_keys.DATASETS)
        return Listing(key, redis_keys.dataset, tuple(DatasetState), self._dataset_entries)

    @property
    def labeler_listing(self) -> Listing:
        """The list of all labelers to be seen, which have no states."""
        key = listing_for(self._viewer, redis_keys.LABELERS)
        return Listing(key, redis_keys.labeler, ("",), self._labeler_entries)

    def _dataset_entries(self, ids: Sequence[str]) -> list[Entry]:
        return [manifest.entry for manifest in self._load(redis_keys.dataset, DatasetManifest, ids)]

    def _labeler_entries(self, ids: Sequence[str]) -> list[Entry]:
        return [manifest.entry for manifest in self._load(redis_keys.labeler, LabelerManifest, ids)]

    def datasets(
        self, asked: Asked = EVERYTHING, cursor: str | None = None, limit: int = 100
    ) -> tuple[list[DatasetManifest], Found]:
        """Return the datasets of a page, and where it ends."""
        found = search(self._redis, self.dataset_listing, asked, cursor, limit)
        return self._load(redis_keys.dataset, DatasetManifest, found.ids), found

    def labelers(
        self, asked: Asked = EVERYTHING, cursor: str | None = None, limit: int = 100
    ) -> tuple[list[LabelerManifest], Found]:
        """Return the labelers of a page, and where it ends."""
        found = search(self._redis, self.labeler_listing, asked, cursor, limit)
        return self._load(redis_keys.labeler, LabelerManifest, found.ids), found

    def every_dataset(self) -> Iterator[DatasetManifest]:
        """Yield all datasets to be seen, whether or not an earlier version has listed them."""
        for members in walk(self._redis, self.dataset_listing.key):
            yield from self._load(redis_keys.dataset, DatasetManifest, members)

    def every_labeler(self) -> Iterator[LabelerManifest]:
        """Yield all labelers to be seen, whether or not an earlier version has listed them."""
        for members in walk(self._redis, self.labeler_listing.key):
            ids = [member.rpartition(".")[2] for member in members]
            yield from self._load(redis_keys.labeler, LabelerManifest, ids)

    def store(self, manifest: AnyManifest) -> AnyManifest:
        """Write a manifest to the object storage unless there is one, and return the one that stands."""
        if self._storage.put_json(manifest.key, manifest.model_dump(mode="json"), if_absent=True):
            return manifest
        return type(manifest).model_validate(self._storage.get_json(manifest.key), context=STORED)

    def show(self, manifest: DatasetManifest) -> None:
        """Put a dataset's new state into the index, unless the dataset was deleted."""
        self._show(args=[json.dumps(manifest.index)])

    def restore(self, manifest: AnyManifest) -> bool:
        """Put a manifest into the index unless it is there; tells whether it was not."""
        return bool(self._restore(args=[json.dumps(manifest.index)]))

    def delete_dataset(self, dataset_id: str) -> str:
        """Take a dataset out of the index; returns `deleted`, `missing`, or an unfinished job that uses it."""
        dataset = self.dataset(dataset_id)
        return "missing" if dataset is None else self._take_out(dataset, f"delete {dataset_id}")

    def delete_labeler(self, labeler_id: str, ended_jobs_matter: bool = True) -> str:
        """Take a labeler out of the index; returns `deleted`, `missing`, or a job that names it.

        What it stored goes when the sweeper has seen it unused for long enough: its id is not its own, and whoever
        trains the like of it meanwhile takes it over.
        """
        labeler = self.labeler(labeler_id)
        return "missing" if labeler is None else self._take_out(labeler, "", "" if ended_jobs_matter else "unfinished")

    def _take_out(self, manifest: DatasetManifest | LabelerManifest, entry: str, users: str = "") -> str:
        answer: str = self._delete(args=[json.dumps(manifest.index), entry, users])
        return answer

    def forget_labeler(self, labeler_id: str) -> None:
        """Remove the manifest of a labeler that is not in the index."""
        self._storage.delete(f"labelers/{labeler_id}/manifest.json")

    def forget_dataset(self, dataset_id: str) -> None:
        """Remove the documents of a dataset that is out of the index, the manifest first."""
        self._storage.delete(f"datasets/{dataset_id}/manifest.json")
        self._storage.delete(f"datasets/{dataset_id}/upload.json")
        self._storage.delete(changes_key(dataset_id))
