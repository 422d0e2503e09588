"""Dense labels that another job has written already, of the same images with the same labelers in the same way."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from method.files import LABELLING, PREVIEW, WHITENING
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.evaluated_set import own_files
from service.core.kinds.train_labeler import canonical
from service.core.objects.storage import Blob, blob_key
from service.core.queue.records import TaskRecord

CODE_VERSION = "1"
"""Part of a labelling's digest: raise it when the same task would write other labels or another archive."""


@dataclass(frozen=True)
class EarlierLabels:
    """A label-augmented set that is all that a task would make."""

    dataset: str
    """Its id."""
    result: dict[str, Any]
    """The result that its runner handed over."""
    blobs: dict[str, Blob]
    """The files that it wrote."""


def labelling_digest(core: Core, task: TaskRecord) -> str | None:
    """Return the digest of all that decides what a labelling writes; None where a set, labeler or checkpoint is gone.

    That is the set as it was measured, the bytes of the labelers' checkpoints, and every parameter of the task: views,
    temperature, encoding, normalization, forms of the archive.
    """
    parent = core.catalogue.dataset(task.inputs["dataset"].id)
    labelers = {planned["id"]: core.catalogue.labeler(planned["id"]) for planned in task.params["labelers"]}
    if parent is None:
        return None
    weights = []
    for planned in task.params["labelers"]:
        labeler = labelers[planned["id"]]
        if labeler is None or not labeler.kept_epochs.keys() >= set(planned["epochs"]):
            return None
        # The same weights make another network with a border; without one the digest is that of before.
        weights += [f"border {labeler.border}"] * (labeler.border > 0)
        weights += [labeler.blobs[labeler.kept_epochs[epoch]].sha256 for epoch in planned["epochs"]]
    decided_by = {
        "version": CODE_VERSION,
        "tenant": parent.tenant,
        "precision": task.cost and task.cost.precision,
        "params": {name: value for name, value in task.params.items() if name != "reuse"},
        "weights": weights,
        # Its name, classes and normalization stand in the archive.
        "set": {"name": parent.name, "role": parent.role, "stats": parent.measured.model_dump(mode="json")},
    }
    return hashlib.sha256(canonical(decided_by).encode()).hexdigest()


def earlier_labels(core: Core, task: TaskRecord) -> EarlierLabels | None:
    """Return what was labelled in the same way before, its blobs held for what the task makes; None: nothing was.

    A set of which only the blobs are shared: each may be deleted without the other.
    """
    digest = None if task.params.get("reuse") == "never" else labelling_digest(core, task)
    for dataset_id in core.catalogue.labelled(digest) if digest else ():
        earlier = core.catalogue.dataset(dataset_id)
        if earlier is None or LABELLING not in earlier.blobs:
            continue
        blobs = _written(earlier)
        for blob in blobs.values():
            core.blobs.hold(task.makes or "", blob.sha256)
        # It may have been deleted before all of them were held.
        result = core.storage.get_json(blob_key(blobs[LABELLING].sha256))
        if result is not None and core.catalogue.dataset(dataset_id) is not None:
            return EarlierLabels(dataset_id, _marked(result, dataset_id), blobs)
    return None


def _written(labelled: DatasetManifest) -> dict[str, Blob]:
    """Return the files that a labelling wrote, without those of the set that it labelled."""
    came = {*own_files(labelled.measured), PREVIEW, WHITENING}
    return {name: blob for name, blob in labelled.blobs.items() if name not in came}


def _marked(result: Mapping[str, Any], dataset_id: str) -> dict[str, Any]:
    return {**result, "labelling": {**result["labelling"], "reused_from": dataset_id}}
