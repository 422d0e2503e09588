"""Real images for whole jobs: a part of Fashion-MNIST as source set, and the demo's distilled set."""

from collections.abc import Iterator
from pathlib import Path

import fashion_mnist
import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import JobState
from stack.running import Stack

ROOT = Path(__file__).parents[2]
DISTILLED = ROOT / "examples" / "fashion_mnist_dm_ipc10"
TRAIN_PER_CLASS = 24
VAL_PER_CLASS = 10


@pytest.fixture(scope="session")
def source_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = fashion_mnist.find_fashion_mnist(ROOT / ".cache" / "fashion-mnist")
    return fashion_mnist.pack_source_set(
        found,
        tmp_path_factory.mktemp("source") / "source.tar",
        train_per_class=TRAIN_PER_CLASS,
        val_per_class=VAL_PER_CLASS,
    )


@pytest.fixture(scope="session")
def client(stack_up: Stack) -> Iterator[LaddClient]:
    with LaddClient(stack_up.url) as opened:
        yield opened


@pytest.fixture(scope="session")
def source(client: LaddClient, source_tar: Path) -> Dataset:
    metadata = DatasetMetadata(name="Fashion-MNIST, a part", role=DatasetRole.SOURCE)
    return ready(client, metadata, [source_tar])


@pytest.fixture(scope="session")
def distilled(client: LaddClient, source: Dataset) -> Dataset:
    metadata = DatasetMetadata(
        name="DM, 10 images per class",
        role=DatasetRole.DISTILLED,
        normalization="fashion_mnist",
        source_dataset=source.id,
    )
    return ready(client, metadata, [DISTILLED / "images_best.pt", DISTILLED / "labels_best.pt"])


def ready(client: LaddClient, metadata: DatasetMetadata, files: list[Path]) -> Dataset:
    uploaded = client.upload_dataset(metadata, files)
    job = client.wait(uploaded.job)
    assert job.state is JobState.SUCCEEDED, job.error
    return client.dataset(uploaded.id)
