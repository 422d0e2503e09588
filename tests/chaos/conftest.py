"""A stack of its own that may be broken, small sets for tiny jobs, and the seed of the random moments."""

import io
import os
import random
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ladd_client.api import LaddClient
from PIL import Image
from pydantic import SecretStr

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import Job, JobState
from service.core.clients import Core, open_core
from service.core.foundation.settings import Settings
from stack.readiness import BUCKET
from stack.running import Stack, running_stack
from tests.chaos.evaluations import Evaluations
from tests.chaos.fault_injection import Faults

SEED = "LADD_CHAOS_SEED"
"""Variable that repeats the moments of an earlier run."""

LEASE = "LADD_LEASE_SECONDS"
"""Shorter than in production unless it is set, so that waiting for it does not take most of the time."""

SIZE = 32


@pytest.fixture(scope="session")
def moments() -> random.Random:
    """Where moments are drawn from; the seed is shown when a test fails."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    print(f"{SEED}={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as opened:
        yield opened


@pytest.fixture(scope="session")
def stack(patch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Redis, S3, worker and API as `make up` starts them: supervisord starts again what is killed."""
    if LEASE not in os.environ:
        patch.setenv(LEASE, "10")
    with tempfile.TemporaryDirectory(prefix="ladd-chaos-") as directory, running_stack(Path(directory)) as running:
        yield running


@pytest.fixture(scope="session")
def faults(stack: Stack) -> Faults:
    return Faults(stack)


@pytest.fixture(scope="session")
def core(stack: Stack) -> Iterator[Core]:
    """The service's core on the servers of the stack."""
    given = stack.environment
    settings = Settings(
        redis_url=given["LADD_REDIS_URL"],
        s3_endpoint_url=given["LADD_S3_ENDPOINT_URL"],
        s3_bucket=BUCKET,
        s3_access_key=given["LADD_S3_ACCESS_KEY"],
        s3_secret_key=SecretStr(given["LADD_S3_SECRET_KEY"]),
    )
    with closing(open_core(settings)) as opened:
        yield opened


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[LaddClient]:
    with LaddClient(stack.url) as opened:
        yield opened


@pytest.fixture(scope="session")
def source(client: LaddClient, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("source") / "source.tar"
    generator = np.random.default_rng(1)
    with tarfile.open(path, "w") as archive:
        for split, count in (("train", 16), ("val", 8)):
            for index in range(2 * count):
                png = io.BytesIO()
                pixels = generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
                Image.fromarray(pixels).save(png, "PNG")
                member = tarfile.TarInfo(f"{split}/{'ab'[index % 2]}/{index}.png")
                member.size = png.tell()
                png.seek(0)
                archive.addfile(member, png)
    return ready(client, DatasetMetadata(name="noise", role=DatasetRole.SOURCE), path)


@pytest.fixture(scope="session")
def distilled(client: LaddClient, source: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("distilled") / "set.npz"
    images = np.random.default_rng(2).integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)
    np.savez(path, images=images, labels=np.arange(8) % 2)
    metadata = DatasetMetadata(name="less noise", role=DatasetRole.DISTILLED, source_dataset=source.id)
    return ready(client, metadata, path)


def ready(client: LaddClient, metadata: DatasetMetadata, file: Path) -> Dataset:
    uploaded = client.upload_dataset(metadata, [file])
    job = client.wait(uploaded.job)
    assert job.state is JobState.SUCCEEDED, job.error
    return client.dataset(uploaded.id)


@pytest.fixture(scope="session")
def evaluations(client: LaddClient, distilled: Dataset) -> Evaluations:
    return Evaluations(client, distilled.id)


@pytest.fixture(scope="session")
def calm(client: LaddClient, evaluations: Evaluations) -> Job:
    """A job that nothing happens to."""
    job = client.wait(evaluations.submit().id)
    assert job.state is JobState.SUCCEEDED, job.error
    return job


@pytest.fixture(scope="session")
def calm_seconds(calm: Job) -> float:
    """How long such a job takes."""
    assert calm.started_at is not None
    assert calm.finished_at is not None
    return (calm.finished_at - calm.started_at).total_seconds()
