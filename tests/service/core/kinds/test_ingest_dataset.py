"""Small uploads go past the trainings, by what is known of them before they are read."""

from datetime import UTC, datetime

import pytest

from api_schemas.datasets import DatasetMetadata, DatasetRole, DatasetState
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.ingest_dataset import SMALL_BYTES, DatasetUpload, plan
from service.core.objects.received_files import StreamedFile
from service.core.objects.storage import Blob


@pytest.mark.parametrize(
    ("sizes", "queue"),
    [
        ([SMALL_BYTES], "io"),
        ([SMALL_BYTES + 1], "cpu"),
        ([SMALL_BYTES // 2, SMALL_BYTES // 2 + 1], "cpu"),
        ([1] * 2_000, "io"),
        ([1] * 2_001, "cpu"),
    ],
)
def test_small_is_16_mib_and_2000_files_together(core: Core, sizes: list[int], queue: str) -> None:
    files = [
        StreamedFile(f"{index}.png", f"key-{index}", Blob(sha256="0" * 64, bytes=size))
        for index, size in enumerate(sizes)
    ]
    dataset = DatasetManifest(
        id="ds_a",
        name="a",
        role=DatasetRole.DISTILLED,
        state=DatasetState.VALIDATING,
        metadata=DatasetMetadata(name="a", role=DatasetRole.DISTILLED),
        files=[file.received for file in files],
        job="job_a",
        created_at=datetime.now(UTC),
    )
    (task,) = plan(core, DatasetUpload(dataset, files)).tasks
    assert task.queue == queue
