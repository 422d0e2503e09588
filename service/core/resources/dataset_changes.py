"""Corrections of a dataset without a new upload, for the routes: in place, or as a new version of the same files."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from api_schemas.datasets import Dataset, DatasetChanges, DatasetRole, DatasetState, Normalization
from api_schemas.problems import ErrorCode
from method.files import PREVIEW
from method.normalizations import NORMALIZATIONS, unit_fault
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError, invalid
from service.core.foundation.ids import new_id
from service.core.foundation.locks import held_alone
from service.core.foundation.protocol import PROTOCOL
from service.core.kinds.validation_errors import ValidationErrors
from service.core.lifecycle import changes
from service.core.resources.datasets import manifest_of
from service.core.resources.kept import with_expiry

LOCK_SECONDS = 60
"""After which somebody else may change a dataset whose change was cut off."""

IN_PLACE = {"name", "tags"}


def change(
    core: Core, dataset_id: str, asked: DatasetChanges, is_expected: Callable[[Dataset], bool]
) -> tuple[Dataset, bool]:
    """Change a dataset as long as it `is_expected`; returns it, or its new version, and whether it is one.

    Raises ServiceError NOT_FOUND, DATASET_NOT_READY, PRECONDITION_FAILED, INVALID_REQUEST with reasons naming
    `body.<field>`, UNAVAILABLE while another request changes it.
    """
    with held_alone(core.redis, redis_keys.changing(dataset_id), LOCK_SECONDS) as alone:
        if not alone:
            raise ServiceError(ErrorCode.UNAVAILABLE, f"{dataset_id} is being changed by another request: try again.")
        dataset = manifest_of(core, dataset_id)
        if dataset.state is not DatasetState.READY:
            raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset_id} is {dataset.state}: it cannot be changed.")
        if not is_expected(with_expiry(core, [dataset.shown()])[0]):
            message = f"{dataset_id} is not as If-Match says: it was changed since. Look at it again."
            raise ServiceError(ErrorCode.PRECONDITION_FAILED, message)
        named = asked.model_fields_set
        if named <= IN_PLACE:
            changed = changes.change(core, dataset, asked.model_dump(mode="json", include=named, exclude_none=True))
            return with_expiry(core, [changed.shown()])[0], False
        version = _new_version(core, dataset, asked)
    return with_expiry(core, [version.shown()])[0], True


def _new_version(core: Core, dataset: DatasetManifest, asked: DatasetChanges) -> DatasetManifest:
    """Make a set of the same files that says other things of them, and show it."""
    if dataset.augmentation is not None:
        message = (
            f"{dataset.id} is label-augmented, and its archive says the same of it: change the set that was labelled "
            f"({dataset.augmentation.parent or 'it was never here'}), and label that again"
        )
        raise invalid("body", "set_is_plain", dataset.id, message)
    stats: dict[str, Any] = {}
    metadata: dict[str, Any] = {"tags": dataset.metadata.tags if asked.tags is None else asked.tags}
    if asked.class_names is not None:
        stats["class_counts"] = _renamed(dataset, asked.class_names)
        metadata["class_map"] = asked.class_names
    if asked.normalization is not None:
        stats["normalization"] = _normalization(dataset, asked)
        metadata["normalization"] = asked.normalization
    version = dataset.model_copy(
        update={
            "id": new_id("ds"),
            "name": asked.name or dataset.name,
            "metadata": dataset.metadata.model_copy(update=metadata),
            "stats": dataset.measured.model_copy(update=stats),
            "previous": dataset.id,
            "created_at": datetime.now(UTC),
            "protocol": PROTOCOL,
            # The names stand in the picture, and the pixels are what the normalization makes of values.
            "blobs": {name: blob for name, blob in dataset.blobs.items() if name != PREVIEW or not stats},
        }
    )
    if asked.source_dataset is not None:
        version = _of_source(core, version, asked.source_dataset)
    for blob in version.blobs.values():
        core.blobs.hold(version.id, blob.sha256)
    core.catalogue.store(version)
    core.catalogue.restore(version)
    return version


def _renamed(dataset: DatasetManifest, names: list[str]) -> list[Any]:
    counts = dataset.measured.class_counts
    if len(names) != len(counts):
        message = f"{dataset.id} has {len(counts)} classes, {len(names)} names were given"
        raise invalid("body.class_names", "same_classes", len(names), message)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid("body.class_names", "distinct", twice, f"class_names has {twice} more than once")
    return [count.model_copy(update={"name": name}) for count, name in zip(counts, names, strict=True)]


def _normalization(dataset: DatasetManifest, asked: DatasetChanges) -> Normalization:
    """Return what a set is taken to carry: floats that leave [0, 1] carry it, pixels are to be trained with it."""
    choice, stats = asked.normalization, dataset.measured
    at, channels = "body.normalization", stats.image_shape[0]
    said = f"named after the upload of {dataset.previous or dataset.id}"
    if choice == "none":
        return Normalization(name="none", mean=None, std=None, applied=False, reason=said)
    if isinstance(choice, str):
        name, (mean, std) = choice, NORMALIZATIONS[choice]
    else:
        assert choice is not None
        name, mean, std = "custom", tuple(choice.mean), tuple(choice.std)
        if (fault := unit_fault(mean, std)) is not None:
            raise invalid(at, "unit_statistics", f"mean {choice.mean}, std {choice.std}", fault)
    if len(mean) != channels:
        message = f"normalization {name} has {len(mean)} channels, the images have {channels}"
        raise invalid(at, "normalization_channels", name, message)
    values = stats.value_range
    plain = stats.dtype == "uint8" or (values.minimum >= -HALF_STEP and values.maximum <= 1 + HALF_STEP)
    return Normalization(name=name, mean=list(mean), std=list(std), applied=not plain, reason=said)


HALF_STEP = 0.5 / 255
"""Half an 8-bit step: how far values on the [0, 1] scale may lie outside, as the importers allow it."""


def _of_source(core: Core, version: DatasetManifest, source_id: str) -> DatasetManifest:
    errors = ValidationErrors(core.catalogue, at="body")
    if version.role is DatasetRole.SOURCE:
        errors.add("source_dataset", "distilled_only", source_id, "a source set has no source set of its own")
    source = errors.dataset("source_dataset", source_id, DatasetRole.SOURCE)
    if source is not None:
        errors.same_shape("source_dataset", version, source)
    errors.raise_if_any()
    return version.model_copy(update={"metadata": version.metadata.model_copy(update={"source_dataset": source_id})})
