"""The manifest by which an archive of this service describes itself, as far as a set is made of it again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api_schemas.datasets import ChannelStatistics, ChannelValues, NormalizationChoice
from api_schemas.jobs import Encoding, Views
from method.encodings import classes_kept
from method.normalizations import NORMALIZATIONS
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import rejected

MANIFEST_BYTES = 4 * limits.MiB
"""25,000 names of classes of usual length have half a megabyte."""
_FLOATS = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CarriedNormalization(_Part):
    """The normalization to train with; `applied`: the stored values carry it. `test`: of real images, if another."""

    name: str
    mean: ChannelValues | None
    std: ChannelValues | None
    applied: bool
    test: ChannelStatistics | None = None

    @field_validator("mean", "std")
    @classmethod
    def _finite(cls, values: list[float] | None) -> list[float] | None:
        if values is not None and not all(abs(value) < 1e6 for value in values):
            raise ValueError("must be finite numbers")
        return values


class _DistilledSet(BaseModel):
    model_config = ConfigDict(extra="allow")

    learned_lr: Annotated[float, Field(gt=0, le=1000)] | None = None


class _Array(_Part):
    shape: list[int]
    dtype: str


class OwnManifest(_Part):
    """`manifest.json` of an archive, which its other forms hold as well."""

    schema_version: Literal[1]
    views: Views
    encoding: Encoding
    image_format: Literal["npy", "png", "webp"] = "npy"
    num_classes: Annotated[int, Field(ge=2, le=limits.CLASSES)]
    classes: list[Annotated[str, Field(min_length=1, max_length=limits.NAME_LENGTH)]]
    normalization: CarriedNormalization
    distilled_set: _DistilledSet = _DistilledSet()
    labeler: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    arrays: dict[str, _Array]

    @property
    def eight_bit(self) -> bool:
        """Whether the images are uint8, in whatever form they come."""
        return self.arrays["images"].dtype == "uint8"

    @property
    def normalization_choice(self) -> NormalizationChoice:
        """The normalization that the sender of the set, as it came, would have named."""
        told = self.normalization
        if told.name in NORMALIZATIONS or told.name == "zca":
            return told.name
        if told.name == "custom" and told.mean is not None and told.std is not None:
            return ChannelStatistics(mean=told.mean, std=told.std)
        return "auto" if self.eight_bit else "none"

    @property
    def labelers(self) -> list[Mapping[str, Any]]:
        """The description of each network that made the dense labels."""
        members = self.labeler.get("ensemble")
        return [one for one in members if isinstance(one, dict)] if isinstance(members, list) else [self.labeler]


def parse_manifest(location: str, data: str | bytes) -> OwnManifest:
    """Read a manifest; raises ImportRejected with rule `archive_manifest` where it is none of this service."""
    if len(data) > MANIFEST_BYTES:
        message = f"a manifest may have {MANIFEST_BYTES} bytes"
        raise rejected(location, "archive_manifest", f"{len(data)} bytes", message)
    try:
        manifest = OwnManifest.model_validate(json.loads(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = f"this is no manifest of an archive of this service: {place}: {first['msg']}"
        raise rejected(location, "archive_manifest", f"{place}: {str(first['input'])[:100]}", message) from error
    except (ValueError, RecursionError) as error:
        raise rejected(location, "archive_manifest", error, f"the manifest is no JSON: {error}") from error
    kept = classes_kept(manifest.encoding)
    if len(manifest.classes) != manifest.num_classes or "images" not in manifest.arrays:
        found = f"{manifest.num_classes} classes, {len(manifest.classes)} names, arrays {', '.join(manifest.arrays)}"
        raise rejected(location, "archive_manifest", found, f"the manifest does not describe the set: {found}")
    if kept is not None and kept >= manifest.num_classes:
        message = f"encoding {manifest.encoding} needs more than {kept} classes; there are {manifest.num_classes}"
        raise rejected(location, "archive_manifest", manifest.encoding, message)
    return manifest
