"""`ingest_dataset`: check uploaded files and rewrite them in our own format."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_schemas.jobs import JobKind
from api_schemas.runner import TaskType
from method.files import TRAIN_IMAGES
from method.normalizations import ZCA
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.kind import Kind
from service.core.objects.received_files import StreamedFile, original_names
from service.core.queue.plan import Plan, Ref, TaskPlan

SMALL_BYTES = 16 << 20
SMALL_IMAGES = 2_000
"""An upload of at most so many bytes and images is read in seconds, and goes past the trainings."""

SMALL_SECONDS = 3.0
"""Of processor time for reading it; one that takes longer waits with the trainings after all. Twice what 2,000 JPEG
images of 224 px (12 MiB) took, measured on one core of a server; 60,000 small PNG images took 5.6 s."""


@dataclass(frozen=True)
class DatasetUpload:
    """A dataset in state `validating`, and its raw files."""

    dataset: DatasetManifest
    files: Sequence[StreamedFile]


def plan(core: Core, upload: DatasetUpload) -> Plan:
    """Plan the one task that reads the uploads of a dataset."""
    dataset = upload.dataset
    # Its document as of the claim of the task; it may still be validating.
    source = dataset.metadata.source_dataset
    # ZCA is fitted to them.
    wanted = [TRAIN_IMAGES] if dataset.metadata.normalization == ZCA else []
    task = TaskPlan(
        name="ingest",
        type=TaskType.INGEST,
        queue="io" if _is_small(upload) else "cpu",
        params={
            "metadata": dataset.metadata.model_dump(mode="json"),
            "files": original_names(upload.files),
            "limits": {"max_upload_bytes": core.settings.max_upload_bytes},
        },
        inputs={"uploads": Ref("uploads", files=[file.key for file in upload.files])}
        | ({"source": Ref("dataset", source, wanted)} if source else {}),
        work=sum(file.bytes for file in dataset.files),
        unit="bytes",
        makes=dataset.id,
    )
    return Plan(params={"dataset": dataset.id}, tasks=[task], reads=[source] if source else [])


def _is_small(upload: DatasetUpload) -> bool:
    """Whether this is a small upload by what is known before a runner reads it: its bytes and the number of its files.

    The front opens no archive; one that holds more images than that is found out by `SMALL_SECONDS`.
    """
    return sum(file.bytes for file in upload.dataset.files) <= SMALL_BYTES and len(upload.files) <= SMALL_IMAGES


KIND = Kind(JobKind.INGEST_DATASET, plan)
