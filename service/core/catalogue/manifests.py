"""The manifest of a dataset or labeler, which the object storage holds and which is written once."""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

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
from api_schemas.labelers import (
    Architecture,
    Labeler,
    LabelerEpoch,
    LabelerKind,
    LabelerLinks,
    LabelerMetadata,
    LabelerRecipe,
)
from api_schemas.problems import Reason
from api_schemas.registered import STORED
from method.architectures import forward_flops
from method.files import ARCHIVE
from method.layers import Shape
from service.core.foundation import redis_keys
from service.core.foundation.listing import Entry, facets_of
from service.core.foundation.protocol import PROTOCOL, check_protocol
from service.core.foundation.tenants import DEFAULT
from service.core.objects.storage import Blob


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    protocol: int = PROTOCOL
    """The number that it was written by."""

    @model_validator(mode="before")
    @classmethod
    def _is_known(cls, document: Any, info: ValidationInfo) -> Any:
        if info.context != STORED:
            return document
        check_protocol(document)
        return {"protocol": 1, **document}


class DatasetManifest(_Manifest):
    """`datasets/<id>/manifest.json`."""

    id: str
    tenant: str = DEFAULT
    name: str
    role: DatasetRole
    state: DatasetState
    metadata: DatasetMetadata
    files: list[UploadedFile] = []
    stats: DatasetStats | None = None
    augmentation: Augmentation | None = None
    reasons: list[Reason] = []
    job: str
    previous: str | None = None
    created_at: Timestamp
    blobs: dict[str, Blob] = {}
    """{file name: blob}: `images.npy`, `labels.npy`, ... as a runner finds them."""

    @property
    def key(self) -> str:
        """Where the manifest lies; a dataset that is still validated has another document in its place."""
        name = "upload" if self.state is DatasetState.VALIDATING else "manifest"
        return f"datasets/{self.id}/{name}.json"

    @property
    def index(self) -> dict[str, Any]:
        """The entry of the index, as the scripts take it."""
        # Until its arrays take their place, the raw files are what it stores.
        stored = [*self.blobs.values()] if self.state is not DatasetState.VALIDATING else self.files
        fields = {"role": self.role, "state": self.state, "document": self.model_dump_json()}
        named = {"key": redis_keys.dataset(self.id), "listing": redis_keys.DATASETS, "member": self.id}
        digest = None if self.augmentation is None else self.augmentation.digest
        fields |= self.entry.fields
        return named | _owned(self, fields, stored) | {"labelled": redis_keys.labelled(digest) if digest else ""}

    @property
    def entry(self) -> Entry:
        """The dataset as lists have it."""
        facets = facets_of({"role": self.role}, self.metadata.tags, self.name)
        return Entry(self.id, self.created_at.timestamp(), self.state, facets)

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
        hidden = {"schema_version", "protocol", "tenant", "blobs"}
        return Dataset.model_validate(self.model_dump(exclude=hidden) | {"links": links})


class LabelerManifest(_Manifest):
    """`labelers/<id>/manifest.json`."""

    id: str
    tenant: str = DEFAULT
    name: str | None = None
    source_dataset: str
    architecture: Architecture | None
    num_classes: int
    image_shape: list[int]
    recipe: LabelerRecipe | None = None
    held_out_images: int | None = None
    metadata: LabelerMetadata | None = None
    files: list[UploadedFile] = []
    mean: list[float]
    std: list[float]
    epochs: list[LabelerEpoch]
    flops: int | None = None
    counted_forward_flops: int | None = None
    """Of one image; None: they follow from the architecture."""
    border: int = 0
    warnings: list[str] = []
    job: str
    created_at: Timestamp
    blobs: dict[str, Blob]
    """{file name: blob}: checkpoints, and the graph of an exported network."""

    @property
    def key(self) -> str:
        """Where the manifest lies."""
        return f"labelers/{self.id}/manifest.json"

    @property
    def index(self) -> dict[str, Any]:
        """The entry of the index, as the scripts take it."""
        fields = {"document": self.model_dump_json()} | self.entry.fields
        named = {"key": redis_keys.labeler(self.id), "listing": redis_keys.LABELERS, "member": self.member}
        return named | _owned(self, fields, [*self.blobs.values()])

    @property
    def entry(self) -> Entry:
        """The labeler as lists have it: without a state, and by the name of its network where it has none."""
        kind = LabelerKind.TRAINED if self.metadata is None else LabelerKind(self.metadata.kind)
        tags = {} if self.metadata is None else self.metadata.tags
        facets = facets_of({"kind": kind}, tags, self.name or self.architecture or "")
        return Entry(self.id, self.created_at.timestamp(), "", facets)

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
        channels, size, _ = self.image_shape
        return forward_flops(self.architecture, Shape(self.num_classes, channels, size, self.border))

    @property
    def network(self) -> str:
        """The name that its speed is noted under."""
        return self.architecture or self.id

    @property
    def kept_epochs(self) -> dict[int, str]:
        """{epoch: name of its checkpoint} of the epochs whose weights were kept."""
        return {row.epoch: row.checkpoint for row in self.epochs if row.checkpoint is not None}

    def shown(self) -> Labeler:
        """Return the labeler as callers see it."""
        links = LabelerLinks(self=f"/v1/labelers/{self.id}", job=f"/v1/jobs/{self.job}")
        hidden = {"schema_version", "protocol", "tenant", "blobs", "counted_forward_flops"}
        return Labeler.model_validate(
            self.model_dump(exclude=hidden) | {"forward_flops": self.forward_flops, "links": links}
        )


CHANGES = "changes/"
"""Prefix of the keys of what was changed of datasets in place."""


def changes_key(dataset_id: str) -> str:
    """Return where that of one dataset lies."""
    return f"{CHANGES}{dataset_id}.json"


AnyManifest = TypeVar("AnyManifest", DatasetManifest, LabelerManifest)


def shape_of(stats: DatasetStats) -> Shape:
    """Return the shape of a network for the (square) images of a set."""
    return Shape(stats.num_classes, stats.image_shape[0], stats.image_shape[1])


def _owned(
    manifest: DatasetManifest | LabelerManifest, fields: dict[str, str], stored: Sequence[Blob | UploadedFile]
) -> dict[str, Any]:
    """Return the parts of an entry of the index that everything with an owner has."""
    size = sum(file.bytes for file in stored)
    return {"tenant": manifest.tenant, "id": manifest.id, "bytes": size, "fields": fields | {"tenant": manifest.tenant}}
