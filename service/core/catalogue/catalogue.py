"""Datasets and labelers: the truth is a manifest in the object storage, written once; Redis indexes them."""

import copy
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from redis import Redis

from api_schemas.base import Timestamp
from api_schemas.datasets import (
    Augmentation,
    Dataset,
    DatasetLinks,
    DatasetMetadata,
    DatasetRole,
    DatasetState,
    DatasetStats,
    UploadedFile,
)
from api_schemas.labelers import Architecture, Labeler, LabelerEpoch, LabelerLinks, LabelerMetadata, LabelerRecipe
from api_schemas.problems import Reason
from api_schemas.registered import STORED
from method.architectures import forward_flops
from method.files import ARCHIVE
from method.layers import Shape
from service.core.foundation.listing import page_of
from service.core.foundation.scripts import register
from service.core.foundation.tenants import DEFAULT, listing_for, sees
from service.core.objects.storage import Storage

QUEUE = "service.core.queue"
"""The room of the scripts that change what the index holds."""


DATASETS = "ladd:datasets"
"""Sorted set of all dataset ids, which sort by time."""
LABELERS = "ladd:labelers"
"""Sorted set of all labelers as `LabelerManifest.member` lists them."""


class StoredBlob(BaseModel):
    """A file of a dataset or labeler."""

    model_config = ConfigDict(extra="forbid")

    sha256: str
    bytes: int


class DatasetManifest(BaseModel):
    """`datasets/<id>/manifest.json`."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    id: str
    tenant: str = DEFAULT
    name: str
    role: DatasetRole
    state: DatasetState
    metadata: DatasetMetadata
    files: list[UploadedFile]
    stats: DatasetStats | None
    augmentation: Augmentation | None
    reasons: list[Reason]
    job: str
    created_at: Timestamp
    blobs: dict[str, StoredBlob]
    """{file name: blob}: `images.npy`, `labels.npy`, ... as a runner finds them."""

    @property
    def key(self) -> str:
        """Where the manifest lies; what is still validated has no manifest yet."""
        name = "upload" if self.state is DatasetState.VALIDATING else "manifest"
        return f"datasets/{self.id}/{name}.json"

    @property
    def index(self) -> dict[str, Any]:
        """What the index holds, as the scripts take it."""
        # Until its arrays take their place, the raw files are what it stores.
        stored = [*self.blobs.values()] if self.state is not DatasetState.VALIDATING else self.files
        fields = {"role": self.role, "state": self.state, "document": self.model_dump_json()}
        named = {"key": f"ladd:dataset:{self.id}", "listing": DATASETS, "member": self.id}
        return named | _owned(self, fields, stored)

    @property
    def measured(self) -> DatasetStats:
        """The stats, which every dataset that is ready has."""
        if self.stats is None:
            raise ValueError(f"{self.id} is {self.state}, not ready")
        return self.stats

    def shown(self) -> Dataset:
        """Return the dataset as callers see it."""
        here = f"/v1/datasets/{self.id}"
        links = DatasetLinks(
            self=here, archive=f"{here}/archive" if ARCHIVE in self.blobs else None, job=f"/v1/jobs/{self.job}"
        )
        hidden = {"schema_version", "tenant", "blobs"}
        return Dataset.model_validate(self.model_dump(exclude=hidden) | {"links": links})


class LabelerManifest(BaseModel):
    """`labelers/<id>/manifest.json`."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    id: str
    tenant: str = DEFAULT
    name: str | None = None
    source_dataset: str
    architecture: Architecture | None
    num_classes: int
    image_shape: list[int]
    recipe: LabelerRecipe | None
    metadata: LabelerMetadata | None = None
    files: list[UploadedFile] = []
    mean: list[float]
    std: list[float]
    epochs: list[LabelerEpoch]
    flops: int | None
    counted_forward_flops: int | None = None
    """Of one image; None: they follow from the architecture."""
    warnings: list[str] = []
    job: str
    created_at: Timestamp
    blobs: dict[str, StoredBlob]
    """{file name: blob}: checkpoints, and the graph of an exported network."""

    @property
    def key(self) -> str:
        """Where the manifest lies."""
        return f"labelers/{self.id}/manifest.json"

    @property
    def index(self) -> dict[str, Any]:
        """What the index holds, as the scripts take it."""
        fields = {"document": self.model_dump_json()}
        named = {"key": f"ladd:labeler:{self.id}", "listing": LABELERS, "member": self.member}
        return named | _owned(self, fields, [*self.blobs.values()])

    @property
    def member(self) -> str:
        """How the labeler is listed: its id follows from its recipe, so the time it was made comes first."""
        return f"{self.created_at.timestamp():.3f}.{self.id}"

    @property
    def forward_flops(self) -> int:
        """FLOPs of one image through the network."""
        if self.counted_forward_flops is not None:
            return self.counted_forward_flops
        if self.architecture is None:
            raise ValueError(f"the FLOPs of {self.id} were not counted")
        return forward_flops(self.architecture, Shape(self.num_classes, self.image_shape[0], self.image_shape[1]))

    @property
    def network(self) -> str:
        """What its speed is noted under."""
        return self.architecture or self.id

    @property
    def kept_epochs(self) -> dict[int, str]:
        """{epoch: name of its checkpoint} of the epochs whose weights were kept."""
        return {row.epoch: row.checkpoint for row in self.epochs if row.checkpoint is not None}

    def shown(self) -> Labeler:
        """Return the labeler as callers see it."""
        links = LabelerLinks(self=f"/v1/labelers/{self.id}", job=f"/v1/jobs/{self.job}")
        hidden = {"schema_version", "tenant", "blobs", "counted_forward_flops"}
        return Labeler.model_validate(
            self.model_dump(exclude=hidden) | {"forward_flops": self.forward_flops, "links": links}
        )


AnyManifest = TypeVar("AnyManifest", DatasetManifest, LabelerManifest)


class Catalogue:
    """Reads the index, and writes manifests."""

    _viewer: str | None = None

    def __init__(self, redis: Redis, storage: Storage) -> None:
        self._redis = redis
        self._storage = storage
        self._delete = register(redis, QUEUE, "delete_manifest")
        self._restore = register(redis, QUEUE, "index", "restore_manifest")

    def seen_by(self, viewer: str | None) -> "Catalogue":
        """Return the catalogue as a tenant sees it; None: everything."""
        seen = copy.copy(self)
        seen._viewer = viewer
        return seen

    def dataset(self, dataset_id: str) -> DatasetManifest | None:
        """Return a dataset, None when there is none of this id."""
        return next(iter(self._load("dataset", DatasetManifest, [dataset_id])), (None, None))[1]

    def labeler(self, labeler_id: str) -> LabelerManifest | None:
        """Return a labeler, None when there is none of this id."""
        return next(iter(self._load("labeler", LabelerManifest, [labeler_id])), (None, None))[1]

    def _load(self, kind: str, model: type[AnyManifest], ids: Sequence[str]) -> list[tuple[str, AnyManifest]]:
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hget(f"ladd:{kind}:{id}", "document")
        texts = zip(ids, pipeline.execute(), strict=True)
        found = [(id, model.model_validate_json(text, context=STORED)) for id, text in texts if text]
        return [(id, manifest) for id, manifest in found if sees(self._viewer, manifest.tenant)]

    def datasets(
        self, role: DatasetRole | None, state: DatasetState | None, cursor: str | None, limit: int
    ) -> tuple[list[DatasetManifest], str | None]:
        """Return a page of datasets and the cursor of the next one."""

        def wanted(manifest: DatasetManifest) -> bool:
            return role in (None, manifest.role) and state in (None, manifest.state)

        def load(ids: Sequence[str]) -> list[tuple[str, DatasetManifest]]:
            return self._load("dataset", DatasetManifest, ids)

        return page_of(self._redis, listing_for(self._viewer, DATASETS), cursor, limit, load, wanted)

    def labelers(self, cursor: str | None, limit: int) -> tuple[list[LabelerManifest], str | None]:
        """Return a page of labelers and the cursor of the next one."""

        def load(members: Sequence[str]) -> list[tuple[str, LabelerManifest]]:
            ids = [member.rpartition(".")[2] for member in members]
            return [(found.member, found) for _, found in self._load("labeler", LabelerManifest, ids)]

        listing = listing_for(self._viewer, LABELERS)
        return page_of(self._redis, listing, cursor, limit, load, lambda labeler: True)

    def store(self, manifest: AnyManifest) -> AnyManifest:
        """Write a manifest to the object storage unless there is one, and return the one that stands."""
        if self._storage.put_json(manifest.key, manifest.model_dump(mode="json"), if_absent=True):
            return manifest
        return type(manifest).model_validate(self._storage.get_json(manifest.key), context=STORED)

    def show(self, manifest: DatasetManifest) -> None:
        """Put a dataset's new state into the index, unless the dataset was deleted."""
        index = manifest.index
        if self._redis.exists(index["key"]):
            self._redis.hset(index["key"], mapping=index["fields"])
            self._redis.hset(stored_key(index["tenant"]), manifest.id, index["bytes"])

    def restore(self, manifest: AnyManifest) -> bool:
        """Put a manifest into the index unless it is there; tells whether it was not."""
        return bool(self._restore(args=[json.dumps(manifest.index)]))

    def delete_dataset(self, dataset_id: str) -> str:
        """Take a dataset out of the index; returns `deleted`, `missing`, or an unfinished job that uses it."""
        dataset = self.dataset(dataset_id)
        return "missing" if dataset is None else self._take_out(dataset, f"delete {dataset_id}")

    def delete_labeler(self, labeler_id: str) -> str:
        """Take a labeler out of the index; returns `deleted`, `missing`, or a job that names it, finished or not.

        What it stored goes when the sweeper has seen it unused for long enough: its id is not its own, and whoever
        trains the like of it meanwhile takes it over.
        """
        labeler = self.labeler(labeler_id)
        return "missing" if labeler is None else self._take_out(labeler, "")

    def _take_out(self, manifest: DatasetManifest | LabelerManifest, entry: str) -> str:
        answer: str = self._delete(args=[json.dumps(manifest.index), entry])
        return answer

    def forget_labeler(self, labeler_id: str) -> None:
        """Remove the manifest of a labeler that is not in the index."""
        self._storage.delete(f"labelers/{labeler_id}/manifest.json")

    def forget_dataset(self, dataset_id: str) -> None:
        """Remove the documents of a dataset that is out of the index, the manifest first."""
        self._storage.delete(f"datasets/{dataset_id}/manifest.json")
        self._storage.delete(f"datasets/{dataset_id}/upload.json")


def shape_of(stats: DatasetStats) -> Shape:
    """Return the shape of a network for the (square) images of a set."""
    return Shape(stats.num_classes, stats.image_shape[0], stats.image_shape[1])


def stored_key(tenant: str) -> str:
    """Return the key of the hash {id of a dataset or labeler: bytes it stores} of a tenant."""
    return f"ladd:stored:{tenant}"


def _owned(
    manifest: DatasetManifest | LabelerManifest, fields: dict[str, str], stored: Sequence[StoredBlob | UploadedFile]
) -> dict[str, Any]:
    """Return what the index holds of anything that a tenant owns."""
    size = sum(file.bytes for file in stored)
    return {"tenant": manifest.tenant, "id": manifest.id, "bytes": size, "fields": fields | {"tenant": manifest.tenant}}
