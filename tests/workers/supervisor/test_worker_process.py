"""A worker as it runs in production: `python -m workers` on real servers, woken through Celery."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from api_schemas.datasets import DatasetState
from api_schemas.jobs import TERMINAL_STATES, JobState
from service.core.clients import Core
from service.core.queue import workers
from service.core.resources import datasets, jobs
from tests.workers.supervisor.supervised import pictures
from tests.workers.supervisor.worker_processes import (
    LARGE,
    SLOTS,
    health,
    runners,
    upload,
    upload_file,
    wait_for,
    worker,
)


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


def test_an_archive_that_is_not_small_leaves_the_queue_of_what_takes_seconds(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    # No reaper comes to help with wake-ups.
    patient = environment | {"LADD_REAPER_SECONDS": "3600"}
    strict = "from workers.supervisor import confinement; confinement.SMALL_SECONDS = 0.05"
    program = f"import runpy; {strict}; runpy.run_module('workers', run_name='__main__')"
    with worker(patient, tmp_path / "worker.log", arguments=("-c", program)):
        archive = upload_file(core, "set.zip", pictures(1500))
        wait_for(lambda: jobs.view(core, archive.job).state in TERMINAL_STATES)
    assert datasets.view(core, archive.id).state is DatasetState.READY
    (task,) = jobs.view(core, archive.job).tasks
    assert [attempt.outcome for attempt in task.attempts] == ["released", "succeeded"]


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


@pytest.mark.chaos
def test_what_failed_on_one_worker_is_done_by_the_other(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    # No reaper comes to help with wake-ups.
    patient = environment | {"LADD_REAPER_SECONDS": "3600"}
    data = [tmp_path / "one", tmp_path / "two"]
    with (
        worker(patient | {"LADD_DATA_DIR": str(data[0])}, tmp_path / "one.log"),
        worker(patient | {"LADD_DATA_DIR": str(data[1])}, tmp_path / "two.log"),
    ):
        wait_for(lambda: [sign.trouble for sign in workers.known(core.redis).values()] == ["", ""])
        for _ in range(3):
            dataset = upload(core)
            wait_for(lambda: any(runners(folder) for folder in data))
            [runner] = [number for folder in data for number in runners(folder)]
            os.kill(runner, signal.SIGKILL)
            wait_for(lambda job=dataset.job: jobs.view(core, job).state is JobState.SUCCEEDED)  # type: ignore[misc]
            first, second = jobs.view(core, dataset.job).tasks[0].attempts
            assert (first.outcome, second.outcome) == ("failed", "succeeded")
            assert first.worker != second.worker


def test_the_log_names_job_task_and_outcome(core: Core, environment: dict[str, str], tmp_path: Path) -> None:
    with worker(environment, tmp_path / "worker.log") as process:
        good, bad = upload(core), upload(core, labels=3)
        wait_for(lambda: all(jobs.view(core, dataset.job).state in TERMINAL_STATES for dataset in (good, bad)))
        assert datasets.view(core, bad.id).state is DatasetState.REJECTED
        process.terminate()
        assert process.wait(timeout=60) == 0
    log = (tmp_path / "worker.log").read_text()
    assert f"ingest of {good.job}, attempt 1: begins on cpu" in log
    assert f"ingest of {good.job}, attempt 1: succeeded" in log
    assert f"ingest of {bad.job}, attempt 1: failed (rejected_input, origin input): " in log
    assert "Traceback" not in log
    assert "ladd.wake[" not in log


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
