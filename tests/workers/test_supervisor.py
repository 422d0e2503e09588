"""The supervisor with real runner processes, most of them scripted: every way in which a task can end."""

import dataclasses
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetState
from api_schemas.events import EventType
from api_schemas.jobs import Attempt, Job, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import TaskType
from service.core import datasets, events, jobs, tasks
from service.core.blobs import Blobs
from service.core.core import Core, open_core
from service.core.errors import ServiceError
from service.core.ids import new_id
from service.core.settings import Settings
from service.core.storage import Storage
from service.core.store import LEASES
from service.core.tasks import ClaimedTask
from service.core.uploads import StreamedFile, upload_key
from workers.input_cache import InputCache
from workers.runner_process import RUNNER_COMMAND
from workers.slots import Slot
from workers.supervisor import run_task

SLOT = Slot(gpu=None, slots=1)
SCRIPTED = str(Path(__file__).with_name("scripted_runner.py"))

RESULT = {
    "stats": {
        "num_classes": 2,
        "ipc": 2,
        "num_images": 4,
        "splits": {"all": 4},
        "image_shape": [3, 32, 32],
        "dtype": "uint8",
        "sha256": "5" * 64,
        "bytes": 1234,
        "class_counts": [],
        "value_range": {"minimum": 0, "maximum": 255},
        "soft_labels": None,
        "learned_lr": None,
        "detection": {"format": "npz", "reason": "made up"},
        "normalization": {"name": "none", "mean": None, "std": None, "applied": False, "reason": "made up"},
        "warnings": [],
    }
}
"""What an ingestion hands in."""

Submit = Callable[..., Dataset]
Claim = Callable[..., ClaimedTask]
Run = Callable[..., None]


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of a .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


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
def run(core: Core, cache: InputCache, shutting_down: threading.Event) -> Run:
    """Run a claimed task with a scripted runner, or with the real one."""

    def run_it(claimed: ClaimedTask, script: str | None = None) -> None:
        if script is None:
            run_task(core, claimed, SLOT, cache, shutting_down)
        else:
            run_task(core, claimed, SLOT, cache, shutting_down, (sys.executable, SCRIPTED, script))
        assert not list(core.settings.data_dir.glob("scratch/*")), "the attempt's folder is still there"

    return run_it


@pytest.fixture
def run_aside(run: Run, core: Core) -> Callable[[ClaimedTask, str], threading.Thread]:
    """Run a claimed task in a thread; returns when its runner has told its first progress."""

    def start(claimed: ClaimedTask, script: str) -> threading.Thread:
        thread = threading.Thread(target=run, args=(claimed, script))
        thread.start()
        wait_for(lambda: jobs.view(core, claimed.job_id).progress is not None)
        return thread

    return start


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def only_attempt(job: Job) -> Attempt:
    (task,) = job.tasks
    (attempt,) = task.attempts
    return attempt


def error_of(core: Core, dataset: Dataset) -> TaskError:
    error = only_attempt(jobs.view(core, dataset.job)).error
    assert error is not None
    return error


def test_an_upload_becomes_a_dataset(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    images = np.arange(4 * 32 * 32 * 3, dtype=np.uint8).reshape(4, 32, 32, 3)
    dataset = submit(npz(images=images, labels=np.array([0, 0, 1, 1])))
    run(claim(dataset))
    ready = datasets.view(core, dataset.id)
    assert ready.state is DatasetState.READY, ready.reasons
    assert ready.stats is not None
    assert (ready.stats.num_images, ready.stats.num_classes) == (4, 2)
    assert jobs.view(core, dataset.job).state is JobState.SUCCEEDED
    assert core.storage.list_keys("uploads/") == []


def test_a_broken_upload_is_rejected_with_its_reasons(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    images = np.zeros((4, 32, 32, 3), dtype=np.uint8)
    dataset = submit(npz(images=images, labels=np.array([0, 0, 1])), "nine.npz")
    run(claim(dataset))
    rejected = datasets.view(core, dataset.id)
    assert rejected.state is DatasetState.REJECTED
    assert any(reason.location.startswith("nine.npz") for reason in rejected.reasons)
    assert error_of(core, dataset).origin is ErrorOrigin.INPUT


def test_the_runner_gets_task_and_inputs(submit: Submit, claim: Claim, run: Run, core: Core) -> None:
    dataset = submit(b"what was uploaded", "../../etc/odd name.npz")
    run(claim(dataset), "show_folder")
    shown = json.loads(error_of(core, dataset).message)
    assert shown["contents"] == {"inputs/uploads/file_000": "what was uploaded"}
    assert shown["task"]["type"] == "ingest"
    assert shown["task"]["params"]["files"] == {"file_000": "../../etc/odd name.npz"}
    assert shown["task"]["inputs"] == {"uploads": {"file_000": "inputs/uploads/file_000"}}
    assert (shown["task"]["device"], shown["task"]["threads"]) == ("cpu", SLOT.threads(TaskType.INGEST))
    assert Path(shown["cwd"]).parts[-3:] == (dataset.job, "ingest", "1")


def test_the_runner_has_no_secrets(
    core: Core, submit: Submit, claim: Claim, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LADD_S3_SECRET_KEY", "LADD_REDIS_URL", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "a secret")
    dataset = submit()
    run(claim(dataset), "show_environment")
    environment = json.loads(error_of(core, dataset).message)
    # Set by Python itself or by the C library's start-up.
    assert set(environment) - {"LC_CTYPE"} <= {
        "PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED",
        "CUDA_VISIBLE_DEVICES", "GLIBC_TUNABLES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS",
        "TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_COMPILE_THREADS",
    }  # fmt: skip
    assert "a secret" not in environment.values()
    assert environment["HOME"] != os.environ.get("HOME")
    assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_a_crash_is_told_with_the_last_words(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "crash")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.RUNNER_FAILED, ErrorOrigin.WORKER)
    first, *last = error.message.splitlines()
    assert "exit status 3" in first
    assert last == [f"line {number} of standard error" for number in range(50, 100)]
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED


def test_a_job_whose_runner_always_crashes_fails(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    for _ in range(core.settings.max_attempts):
        run(claim(dataset), "crash")
    job = jobs.view(core, dataset.job)
    assert job.state is JobState.FAILED
    assert [attempt.outcome for attempt in job.tasks[0].attempts] == ["failed"] * core.settings.max_attempts


def test_a_killed_runner_is_told_with_the_signal(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "die")
    assert "signal 9" in error_of(core, dataset).message


def test_an_upload_that_crashes_its_reader_is_refused_at_once(
    core: Core, submit: Submit, claim: Claim, run: Run
) -> None:
    dataset = submit()
    run(claim(dataset), "crash_on_bytes")
    refused = datasets.view(core, dataset.id)
    assert refused.state is DatasetState.REJECTED
    assert [(reason.location, reason.rule, reason.value) for reason in refused.reasons] == [
        ("files", "reader_survives", "signal 11: Segmentation fault")
    ]


def test_an_end_without_result_is_a_failure(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "say_nothing")
    assert error_of(core, dataset).code is ErrorCode.RUNNER_FAILED


def test_garbage_on_standard_output_is_passed_over(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "talk_garbage")
    assert error_of(core, dataset).message == "after the garbage"


@pytest.mark.parametrize("script", ["hand_over_a_link", "reach_outside"])
def test_only_files_in_the_outputs_are_taken(core: Core, submit: Submit, claim: Claim, run: Run, script: str) -> None:
    dataset = submit()
    run(claim(dataset), script)
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.INTERNAL, ErrorOrigin.INTERNAL)
    assert core.storage.list_keys("blobs/") == []


def test_inputs_that_are_gone_are_a_failure_of_the_attempt(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    claimed = claim(dataset)
    core.storage.delete(upload_key(dataset.id, 0))
    run(claimed, "say_nothing")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.NOT_FOUND, ErrorOrigin.WORKER)


def test_inputs_that_an_outage_keeps_away_cost_no_attempt(
    core: Core, settings: Settings, submit: Submit, claim: Claim, shutting_down: threading.Event, tmp_path: Path
) -> None:
    dataset = submit()
    claimed = claim(dataset)
    waiting = core.dispatcher.waiting("cpu")
    with closing(open_core(settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"}))) as cut_off:
        run_task(cut_off, claimed, SLOT, InputCache(cut_off.storage, tmp_path / "cache"), shutting_down)
    job = jobs.view(core, dataset.job)
    assert (job.tasks[0].state, only_attempt(job).outcome) == (JobState.QUEUED, "released")
    # The reaper repeats it when there has been time to recover.
    assert core.dispatcher.waiting("cpu") == waiting


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="limits the size of files with prlimit")
def test_a_full_disk_is_the_workers_and_shows_nothing_half_written(
    core: Core, submit: Submit, claim: Claim, cache: InputCache, shutting_down: threading.Event
) -> None:
    images = np.random.default_rng(3).integers(0, 256, (40, 32, 32, 3), np.uint8)
    dataset = submit(npz(images=images, labels=np.arange(40) % 2))
    run_task(core, claim(dataset), SLOT, cache, shutting_down, ("prlimit", "--fsize=50000", *RUNNER_COMMAND))
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.DISK_FULL, ErrorOrigin.WORKER), error.message
    assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING
    assert core.storage.list_keys("blobs/") == []
    run_task(core, claim(dataset), SLOT, cache, shutting_down)
    assert datasets.view(core, dataset.id).state is DatasetState.READY


def test_events_reach_the_readers(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "report_progress")
    told = events.read(core, dataset.job, None, 1000)
    progress = [event.data["done"] for event in told if event.type is EventType.PROGRESS]
    assert progress[0] == 0
    assert progress[-1] == 100
    assert len(progress) < 50, "progress is passed on twice a second at most"
    assert [event.data["message"] for event in told if event.type is EventType.LOG] == ["a word to the reader"]


def test_a_checkpoint_outlives_the_attempt(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "keep_checkpoint")
    run(claim(dataset), "keep_checkpoint")
    error = jobs.view(core, dataset.job).error
    assert error is not None
    assert error.message == "epoch 7"


def test_a_task_that_takes_too_long_is_stopped(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), timeout_seconds=1), "stay")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.TIMEOUT, ErrorOrigin.TIMEOUT)
    assert "1 s" in error.message


def test_a_task_that_stands_still_is_stopped_though_its_runner_gives_signs_of_life(
    core: Core, submit: Submit, claim: Claim, run: Run
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "stand_still")
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.TIMEOUT, ErrorOrigin.TIMEOUT)
    assert error.message == "no progress for 1 s"
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED


def test_an_upload_that_is_not_read_in_time_is_refused_after_the_second_try(
    core: Core, submit: Submit, claim: Claim, run: Run
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "stand_still")
    assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING
    run(dataclasses.replace(claim(dataset), timeout_seconds=1), "stay")
    refused = datasets.view(core, dataset.id)
    assert refused.state is DatasetState.REJECTED
    assert [(reason.location, reason.rule, reason.value) for reason in refused.reasons] == [
        ("files", "time_limit", "1 s")
    ]
    assert [attempt.outcome for attempt in jobs.view(core, dataset.job).tasks[0].attempts] == ["failed", "failed"]


def test_a_task_that_gets_on_slowly_is_left_alone(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=1), "crawl")
    assert error_of(core, dataset).message == "the end"


@pytest.fixture
def slow_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first blob takes longer than tests let a runner stand still or work, and is not stored in the end."""
    upload = Storage.upload_blob

    def hang(storage: Storage, *arguments: Any) -> None:
        monkeypatch.setattr(Storage, "upload_blob", upload)
        time.sleep(3)
        raise ServiceError(ErrorCode.UNAVAILABLE, "no answer")

    monkeypatch.setattr(Storage, "upload_blob", hang)


def test_storing_a_result_is_no_time_of_the_runner(
    core: Core, submit: Submit, claim: Claim, run: Run, slow_storage: None
) -> None:
    dataset = submit(json.dumps(RESULT).encode())
    run(dataclasses.replace(claim(dataset), stall_seconds=2, timeout_seconds=2), "hand_in_the_upload")
    job = jobs.view(core, dataset.job)
    assert only_attempt(job).outcome == "succeeded", only_attempt(job).error
    assert datasets.view(core, dataset.id).state is DatasetState.READY


def test_storing_a_checkpoint_is_no_standstill(
    core: Core, submit: Submit, claim: Claim, run: Run, slow_storage: None
) -> None:
    dataset = submit()
    run(dataclasses.replace(claim(dataset), stall_seconds=2), "keep_checkpoint")
    assert error_of(core, dataset).code is ErrorCode.RUNNER_FAILED


@pytest.mark.parametrize("script", ["stay", "stay_deaf"])
def test_a_canceled_task_is_stopped(
    core: Core, submit: Submit, claim: Claim, run_aside: Callable[..., threading.Thread], script: str
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), script)
    jobs.cancel(core, dataset.job)
    thread.join()
    job = jobs.view(core, dataset.job)
    assert job.state is JobState.CANCELED
    assert only_attempt(job).outcome == "canceled"


def test_a_shutdown_gives_the_task_back(
    core: Core,
    submit: Submit,
    claim: Claim,
    run_aside: Callable[..., threading.Thread],
    shutting_down: threading.Event,
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "stay")
    shutting_down.set()
    thread.join()
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED
    assert claim(dataset, "another").attempt == 2


def test_a_shutdown_lets_the_runner_save_what_it_has_done(
    core: Core,
    submit: Submit,
    claim: Claim,
    run: Run,
    run_aside: Callable[..., threading.Thread],
    shutting_down: threading.Event,
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "save_when_asked")
    shutting_down.set()
    thread.join()
    assert only_attempt(jobs.view(core, dataset.job)).outcome == "released"
    shutting_down.clear()
    run(claim(dataset, "another"), "save_when_asked")
    error = jobs.view(core, dataset.job).error
    assert error is not None
    assert error.message == "saved on being asked"


def test_a_shutdown_while_a_result_waits_for_the_storage_costs_no_attempt(
    core: Core,
    settings: Settings,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    shutting_down: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = submit(json.dumps(RESULT).encode())
    claimed = claim(dataset)
    command = (sys.executable, SCRIPTED, "hand_in_the_upload")
    with closing(Storage(settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"}))) as away:
        holding = dataclasses.replace(core, blobs=Blobs(core.redis, away))
        thread = threading.Thread(target=run_task, args=(holding, claimed, SLOT, cache, shutting_down, command))
        thread.start()
        wait_for(lambda: "the result cannot be stored" in caplog.text)
        shutting_down.set()
        thread.join()
    job = jobs.view(core, dataset.job)
    assert (job.tasks[0].state, only_attempt(job).outcome) == (JobState.QUEUED, "released")


def test_a_lost_lease_stops_the_runner_and_leaves_the_task_alone(
    core: Core, submit: Submit, claim: Claim, run_aside: Callable[..., threading.Thread]
) -> None:
    dataset = submit()
    thread = run_aside(claim(dataset), "stay")
    core.redis.zadd(LEASES, {f"{dataset.job} ingest": 0})
    assert tasks.lose(core, dataset.job, "ingest")
    other = claim(dataset, "another")
    thread.join()
    assert tasks.renew(core, other) == "held"
    assert [attempt.outcome for attempt in jobs.view(core, dataset.job).tasks[0].attempts] == ["lost", None]
