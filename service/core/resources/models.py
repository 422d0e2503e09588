"""Trained networks, for the routes: links to the checkpoints of labelers and to the networks of trials."""

from service.core.clients import Core
from service.core.foundation.errors import existing, not_found
from service.core.objects.storage import blob_key

MEDIA_TYPE = "application/octet-stream"


def checkpoint_url(core: Core, labeler_id: str, epoch: int) -> str:
    """Return a download link for a labeler's weights after an epoch.

    Raises ServiceError NOT_FOUND for another labeler or epoch; its message names those that are kept.
    """
    labeler = existing(core.catalogue.labeler(labeler_id), "labeler", labeler_id)
    kept = labeler.kept_epochs
    if epoch not in kept:
        there = ", ".join(map(str, kept))
        raise not_found("checkpoint", f"{epoch} of {labeler_id}, which keeps those of epochs {there}")
    return core.storage.presign(
        blob_key(labeler.blobs[kept[epoch]].sha256), f"{labeler_id}-epoch-{epoch}.safetensors", MEDIA_TYPE
    )


def model_url(core: Core, job_id: str, sha256: str) -> str:
    """Return a download link for the network of a trial, which its row names. Raises ServiceError NOT_FOUND."""
    job = existing(core.store.load(job_id), "job", job_id)
    for task in job.tasks:
        if sha256 in task.files.values():
            name = f"{task.name.replace(':', '-')}-{job_id}.safetensors"
            return core.storage.presign(blob_key(sha256), name, MEDIA_TYPE)
    raise not_found("network", f"{sha256} of {job_id}; keep_models of its evaluation says whether it keeps any")
