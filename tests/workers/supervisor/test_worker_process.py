"""A worker as it runs in production: `python -m workers` on real servers, woken through Celery."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetState
from api_schemas.jobs import TERMINAL_STATES, JobState
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import datasets, jobs
from stack.readiness import BUCKET
from tests.servers import Embedded

SLOTS = 2
LARGE = 6000
"""Images of an upload of 18 MB, which stands in the queue of what takes long."""


@pytest.fixture
def environment(embedded: Embedded, core: Core) -> dict[str, str]:
    return {
        **os.environ,
        "LADD_REDIS_URL": embedded.redis_url,
        "LADD_S3_ENDPOINT_URL": embedded.s3_endpoint,
        "LADD_S3_BUCKET": BUCKET,
        "LADD_S3_ACCESS_KEY": embedded.s3_access_key,
        "LADD_S3_SECRET_KEY": embedded.s3_secret_key,
        "LADD_DATA_DIR": str(core.settings.data_dir),
        "LADD_WORKER_SLOTS": str(SLOTS),
        "LADD_WORKER_QUEUES": "cpu",
    }


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen([sys.executable, "-m", "workers"], env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def health(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.health"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def upload(core: Core, images: int = 2) -> Dataset:
    content = io.BytesIO()
    pixels = np.arange(images * 32 * 32 * 3, dtype=np.uint8).reshape(images, 32, 32, 3)
    np.savez(content, images=pixels, labels=np.arange(images) % 2)
    dataset_id = new_id("ds")
    key = upload_key(dataset_id, 0)
    streaming = core.storage.open_upload(key)
    streaming.write(content.getvalue())
    file = StreamedFile("set.npz", key, streaming.finish())
    metadata = DatasetMetadata.model_validate({"name": "small", "role": "distilled"})
    return datasets.create(core, metadata, [file], dataset_id)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        # Some conditions look at every process there is.
        time.sleep(0.05)


def runners(data_dir: Path) -> set[int]:
    """Process ids of the runners that work under `data_dir`."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"workers.runner" in arguments and arguments[-2].startswith(str(data_dir).encode()):
            found.add(int(entry.name))
    return found


def test_a_worker_takes_uploads_and_gives_back_what_it_cannot_finish(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    assert health(environment).returncode == 1
    with worker(environment, tmp_path / "worker.log") as process:
        first = upload(core)
        wait_for(lambda: datasets.view(core, first.id).state is not DatasetState.VALIDATING)
        assert datasets.view(core, first.id).state is DatasetState.READY
        assert (health(environment).returncode, health(environment).stdout) == (0, "ok\n")

        held: set[int] = set()

        def hold_runners() -> bool:
            for runner in runners(core.settings.data_dir) - held:
                os.kill(runner, signal.SIGSTOP)
                held.add(runner)
            return len(held) == SLOTS

        more = [upload(core, LARGE) for _ in range(SLOTS + 1)]
        wait_for(hold_runners)
        wait_for(lambda: core.dispatcher.waiting("cpu") == 1)
        small = upload(core)
        wait_for(lambda: datasets.view(core, small.id).state is DatasetState.READY)
        more.append(upload(core))
        wait_for(lambda: bool(hold_runners() or len(held) > SLOTS))
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert runners(core.settings.data_dir) == set()
    assert list(core.settings.data_dir.glob("scratch/*")) == []
    for dataset in more:
        (task,) = jobs.view(core, dataset.job).tasks
        assert task.state is JobState.QUEUED

    with worker(environment, tmp_path / "next.log"):
        wait_for(lambda: all(datasets.view(core, dataset.id).state is DatasetState.READY for dataset in more))


def test_another_worker_takes_over_from_a_killed_one_and_no_runner_is_left(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    quick = environment | {"LADD_LEASE_SECONDS": "2", "LADD_REAPER_SECONDS": "0.5"}
    with worker(quick, tmp_path / "killed.log") as killed:
        dataset = upload(core)
        wait_for(lambda: bool(runners(core.settings.data_dir)))
        (runner,) = runners(core.settings.data_dir)
        os.kill(runner, signal.SIGSTOP)
        killed.kill()
    os.kill(runner, signal.SIGCONT)
    wait_for(lambda: not runners(core.settings.data_dir))
    with worker(quick, tmp_path / "next.log"):
        wait_for(lambda: datasets.view(core, dataset.id).state is not DatasetState.VALIDATING)
    (task,) = jobs.view(core, dataset.job).tasks
    assert [attempt.outcome for attempt in task.attempts] == ["lost", "succeeded"]
    assert datasets.view(core, dataset.id).state is DatasetState.READY


@pytest.mark.slow
def test_the_celery_side_has_no_torch() -> None:
    script = "import sys, workers.__main__; print(*sys.modules, sep='\\n')"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.splitlines())
    assert "workers.supervisor.attempt" in loaded
    assert not loaded & {"torch", "numpy", "workers.ladd", "workers.runner", "service.http", "stack"}


@pytest.mark.chaos
def test_tenants_take_turns_and_what_a_quota_held_back_starts_when_there_is_room(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    # No reaper comes to help.
    limits = {"LADD_QUOTA_RUNNING_TASKS": "1", "LADD_REAPER_SECONDS": "3600"}
    crowd, single = (core.acting_for(tenant) for tenant in ("crowd", "single"))
    uploaded = [upload(tenant) for tenant in (crowd, crowd, single)]
    with worker(environment | limits, tmp_path / "worker.log") as process:
        wait_for(lambda: all(jobs.view(core, dataset.job).state in TERMINAL_STATES for dataset in uploaded))
        process.terminate()
        assert process.wait(timeout=60) == 0
    (_, first_end), (second_start, _), (other_start, _) = (_times(core, dataset.job) for dataset in uploaded)
    assert other_start < second_start
    assert first_end <= second_start


def _times(core: Core, job_id: str) -> tuple[datetime, datetime]:
    job = jobs.view(core, job_id)
    assert job.started_at is not None
    assert job.finished_at is not None
    return job.started_at, job.finished_at
