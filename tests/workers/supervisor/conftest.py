"""Ingestions that a supervisor runs with real runner processes, scripted ones or the service's own."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from api_schemas.datasets import Dataset, DatasetMetadata
from api_schemas.events import EventType
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import datasets, events
from stack.readiness import BUCKET
from tests.servers import Embedded
from tests.workers.supervisor.supervised import SCRIPTED, SLOT, Claim, Run, Submit, wait_for
from tests.workers.supervisor.worker_processes import SLOTS
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.runner_process import RUNNER_COMMAND
from workers.supervisor.warm_runner import WarmRunner


@pytest.fixture
def submit(core: Core) -> Submit:
    """Upload a file, by default a small one, as a new distilled set."""

    def upload(content: bytes = b"an upload", name: str = "set.npz") -> Dataset:
        dataset_id = new_id("ds")
        key = upload_key(dataset_id, 0)
        streaming = core.storage.open_upload(key)
        streaming.write(content)
        file = StreamedFile(name, key, streaming.finish())
        metadata = DatasetMetadata.model_validate({"name": "small", "role": "distilled"})
        return datasets.create(core, metadata, [file], dataset_id)

    return upload


@pytest.fixture
def claim(core: Core) -> Claim:
    """Claim the ingestion of a set."""

    def take(dataset: Dataset, worker: str = "tests") -> ClaimedTask:
        claimed = tasks.claim(core, dataset.job, "ingest", worker)
        assert claimed is not None
        return claimed

    return take


@pytest.fixture
def cache(core: Core, tmp_path: Path) -> InputCache:
    return InputCache(core.storage, tmp_path / "cache")


@pytest.fixture
def shutting_down() -> threading.Event:
    return threading.Event()


@pytest.fixture
def make_fitness(core: Core, cache: InputCache, shutting_down: threading.Event) -> Callable[[str], Fitness]:
    """The fitness of a worker whose self-tests a scripted runner answers."""

    def make(script: str) -> Fitness:
        return Fitness(core.settings, [SLOT], cache, shutting_down, (sys.executable, SCRIPTED, script))

    return make


@pytest.fixture
def fitness(make_fitness: Callable[[str], Fitness]) -> Fitness:
    """That of a worker in order."""
    return make_fitness("pass_self_test")


@pytest.fixture
def intake(core: Core) -> Intake:
    """The intake of a worker that reaches its storage."""
    opened = Intake(core.storage)
    opened.ask()
    return opened


@pytest.fixture
def run(core: Core, cache: InputCache, fitness: Fitness, shutting_down: threading.Event) -> Run:
    """Run a claimed task with a scripted runner, or with the real one."""

    def run_it(claimed: ClaimedTask, script: str | None = None) -> None:
        with WarmRunner(RUNNER_COMMAND if script is None else (sys.executable, SCRIPTED, script)) as warm:
            run_task(core, claimed, SLOT, warm, cache, fitness, shutting_down)
        assert not list(core.settings.data_dir.glob("scratch/*")), "the attempt's folder is still there"

    return run_it


@pytest.fixture
def run_aside(run: Run, core: Core) -> Callable[[ClaimedTask, str], threading.Thread]:
    """Run a claimed task in a thread; returns when its runner has told its first progress."""

    def start(claimed: ClaimedTask, script: str) -> threading.Thread:
        thread = threading.Thread(target=run, args=(claimed, script))
        thread.start()
        # The job's own progress is there from the start.
        wait_for(lambda: EventType.PROGRESS in {event.type for event in events.read(core, claimed.job_id, None, 100)})
        return thread

    return start


@pytest.fixture
def environment(embedded: Embedded, core: Core) -> dict[str, str]:
    """Of a worker process on these servers."""
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
