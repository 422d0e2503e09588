"""Changes of a dataset in place: its manifest is written once, `changes/<id>.json` lies over it."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.core.catalogue.manifests import CHANGES, DatasetManifest, changes_key
from service.core.clients import Core
from service.core.foundation.protocol import PROTOCOL


def change(core: Core, dataset: DatasetManifest, changed: Mapping[str, Any]) -> DatasetManifest:
    """Give a dataset another `name` or other `tags`; what `changed` does not hold stays. Returns it as it is then.

    The caller sees to it that nobody else does so at this moment.
    """
    key = changes_key(dataset.id)
    document = {**(core.storage.get_json(key) or {"schema_version": 1}), **changed}
    core.storage.put_json(key, document)
    manifest = _applied(dataset, document)
    core.catalogue.show(manifest)
    return manifest


def applied(core: Core, datasets: Sequence[DatasetManifest]) -> list[DatasetManifest]:
    """Return datasets as they have been changed."""
    changed = set(core.storage.list_keys(CHANGES))

    def now(dataset: DatasetManifest) -> DatasetManifest:
        key = changes_key(dataset.id)
        return _applied(dataset, core.storage.get_json(key) or {}) if key in changed else dataset

    return [now(dataset) for dataset in datasets]


def _applied(dataset: DatasetManifest, changed: Mapping[str, Any]) -> DatasetManifest:
    metadata = dataset.metadata.model_copy(update={"tags": changed.get("tags", dataset.metadata.tags)})
    update = {"name": changed.get("name", dataset.name), "metadata": metadata, "protocol": PROTOCOL}
    return dataset.model_copy(update=update)
