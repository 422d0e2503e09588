"""The supervisor with real runner processes, most of them scripted: every way in which they can end by themselves."""

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.datasets import DatasetState
from api_schemas.events import EventType
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from api_schemas.runner import ProgressEvent, TaskType
from service.core.clients import Core, open_core
from service.core.foundation.settings import Settings
from service.core.lifecycle import tasks
from service.core.objects.received_files import upload_key
from service.core.resources import datasets, events, jobs
from tests.workers.supervisor.supervised import (
    SCRIPTED,
    SLOT,
    Claim,
    Run,
    Submit,
    error_of,
    only_attempt,
    pictures,
)
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.input_cache import InputCache
from workers.supervisor.runner_files import kept_files
from workers.supervisor.runner_process import RUNNER_COMMAND
from workers.supervisor.warm_runner import WarmRunner


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of a .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


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
        "TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_COMPILE_THREADS", "CUBLAS_WORKSPACE_CONFIG",
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


@pytest.mark.parametrize("sick", ["fail_self_test", "die_in_self_test"])
@pytest.mark.parametrize("script", ["crash_on_bytes", "show_environment", "crash"])
def test_what_a_worker_fails_at_that_is_out_of_order_is_the_workers(
    core: Core,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    make_fitness: Callable[[str], Fitness],
    shutting_down: threading.Event,
    script: str,
    sick: str,
) -> None:
    dataset, fitness = submit(), make_fitness(sick)
    with WarmRunner((sys.executable, SCRIPTED, script)) as warm:
        run_task(core, claim(dataset), SLOT, warm, cache, fitness, shutting_down)
    error = error_of(core, dataset)
    assert (error.code, error.origin, error.reasons) == (ErrorCode.DEVICE_FAILED, ErrorOrigin.WORKER, [])
    assert error.message.startswith("the CPU has failed its self-test: ")
    assert fitness.trouble is not None
    assert jobs.view(core, dataset.job).tasks[0].state is JobState.QUEUED
    assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING


def test_a_refused_upload_leaves_nothing_to_test(
    core: Core,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    make_fitness: Callable[[str], Fitness],
    shutting_down: threading.Event,
) -> None:
    dataset, fitness = submit(), make_fitness("fail_self_test")
    with WarmRunner((sys.executable, SCRIPTED, "refuse")) as warm:
        run_task(core, claim(dataset), SLOT, warm, cache, fitness, shutting_down)
    assert error_of(core, dataset).code is ErrorCode.REJECTED_INPUT
    assert fitness.trouble == "the CPU is being tested"


def test_an_upload_that_is_not_small_is_read_from_the_beginning_where_that_may_last(
    core: Core, submit: Submit, claim: Claim, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.supervisor.confinement.SMALL_SECONDS", 0.05)
    dataset = submit(pictures(1500), "set.zip")
    woken = core.dispatcher.waiting("cpu")
    run(claim(dataset))
    job = jobs.view(core, dataset.job)
    assert (job.tasks[0].state, only_attempt(job).outcome, only_attempt(job).error) == ("queued", "released", None)
    assert core.dispatcher.waiting("cpu") == woken + 1
    told = [event.data["message"] for event in events.read(core, job.id, None, 100) if event.type is EventType.LOG]
    assert told == ["It takes longer to read than a small upload, and waits with the trainings."]
    run(claim(dataset))
    ready = datasets.view(core, dataset.id)
    assert (ready.state, ready.stats and ready.stats.num_images) == (DatasetState.READY, 1500)
    assert [attempt.outcome for attempt in jobs.view(core, job.id).tasks[0].attempts] == ["released", "succeeded"]


def test_what_was_moved_is_not_moved_again(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "take_too_long")
    run(claim(dataset), "take_too_long")
    first, second = jobs.view(core, dataset.job).tasks[0].attempts
    assert (first.outcome, second.outcome) == ("released", "failed")
    assert second.error is not None
    assert second.error.code is ErrorCode.RUNNER_FAILED


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
    core: Core,
    settings: Settings,
    submit: Submit,
    claim: Claim,
    fitness: Fitness,
    shutting_down: threading.Event,
    tmp_path: Path,
) -> None:
    dataset = submit()
    claimed = claim(dataset)
    waiting = core.dispatcher.waiting("cpu")
    with closing(open_core(settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"}))) as cut_off:
        cache = InputCache(cut_off.storage, tmp_path / "cache")
        outage = run_task(cut_off, claimed, SLOT, WarmRunner(), cache, fitness, shutting_down)
    job = jobs.view(core, dataset.job)
    assert (job.tasks[0].state, only_attempt(job).outcome) == (JobState.QUEUED, "released")
    error = only_attempt(job).error
    assert error is not None
    assert (error.code, error.origin) == (ErrorCode.UNAVAILABLE, ErrorOrigin.WORKER)
    assert error.message == str(outage), "the job says why, and the worker is told to wait"
    # The reaper repeats it when there has been time to recover.
    assert core.dispatcher.waiting("cpu") == waiting


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="limits the size of files with prlimit")
def test_a_full_disk_is_the_workers_and_shows_nothing_half_written(
    core: Core, submit: Submit, claim: Claim, cache: InputCache, fitness: Fitness, shutting_down: threading.Event
) -> None:
    images = np.random.default_rng(3).integers(0, 256, (40, 32, 32, 3), np.uint8)
    dataset = submit(npz(images=images, labels=np.arange(40) % 2))
    with WarmRunner(("prlimit", "--fsize=50000", *RUNNER_COMMAND)) as warm:
        run_task(core, claim(dataset), SLOT, warm, cache, fitness, shutting_down)
    error = error_of(core, dataset)
    assert (error.code, error.origin) == (ErrorCode.DISK_FULL, ErrorOrigin.WORKER), error.message
    assert datasets.view(core, dataset.id).state is DatasetState.VALIDATING
    assert core.storage.list_keys("blobs/") == []
    run_task(core, claim(dataset), SLOT, WarmRunner(), cache, fitness, shutting_down)
    assert datasets.view(core, dataset.id).state is DatasetState.READY


def test_events_reach_the_readers(
    core: Core, submit: Submit, claim: Claim, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on: list[int] = []
    record = tasks.record

    def noted(core: Core, claimed: Any, event: Any) -> bool:
        if isinstance(event, ProgressEvent):
            passed_on.append(event.done)
        return record(core, claimed, event)

    monkeypatch.setattr(tasks, "record", noted)
    dataset = submit()
    run(claim(dataset), "report_progress")
    assert (passed_on[0], passed_on[-1]) == (0, 100)
    assert len(passed_on) < 50, "progress is passed on twice a second at most"
    told = events.read(core, dataset.job, None, 1000)
    assert [event.data["done"] for event in told if event.type is EventType.PROGRESS] == [100]
    assert [event.data["message"] for event in told if event.type is EventType.LOG] == ["a word to the reader"]


def test_files_of_a_checkpoint_are_held_while_the_runner_replaces_them(tmp_path: Path) -> None:
    for folder in ("checkpoint", "kept"):
        (tmp_path / folder).mkdir()
    state = tmp_path / "checkpoint" / "state"
    state.touch()
    replace = (
        "import os, sys\nold = sys.argv[1]\nwhile True: open(old + '.new', 'w').close(); os.replace(old + '.new', old)"
    )
    with subprocess.Popen([sys.executable, "-c", replace, str(state)]) as runner:
        try:
            for _ in range(30_000):
                assert kept_files(tmp_path, ["state"]) == {"state": tmp_path / "kept" / "state"}
        finally:
            runner.kill()


def test_a_checkpoint_that_is_not_there_is_missed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "kept").mkdir()
    with pytest.raises(FileNotFoundError):
        kept_files(tmp_path, ["state"])
    (tmp_path / "checkpoint" / "state").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="is not a regular file"):
        kept_files(tmp_path, ["state"])


def test_a_checkpoint_outlives_the_attempt(core: Core, submit: Submit, claim: Claim, run: Run) -> None:
    dataset = submit()
    run(claim(dataset), "keep_checkpoint")
    run(claim(dataset), "keep_checkpoint")
    error = jobs.view(core, dataset.job).error
    assert error is not None
    assert error.message == "epoch 7"
