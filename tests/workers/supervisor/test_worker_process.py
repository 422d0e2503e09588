"""A worker as it runs in production: `python -m workers` on real servers, woken through Celery."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetState
from api_schemas.jobs import TERMINAL_STATES, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.objects.storage import Storage
from service.core.queue import workers
from service.core.resources import datasets, jobs
from service.core.upkeep import health as health_of_all
from stack.readiness import BUCKET
from tests.servers import Embedded

SLOTS = 2
LARGE = 6000
"""Images of an upload of 18 MB, which stands in the queue of what takes long."""

IN_NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")


def may_mount() -> bool:
    """Tell whether this system lets us mount a disk that nobody else sees."""
    mounting = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(mounting, capture_output=True).returncode == 0


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
def worker(
    environment: dict[str, str], log: Path, *program: str, arguments: Sequence[str] = ("-m", "workers")
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, of this Python unless another program is named."""
    command = [*(program or (sys.executable,)), *arguments]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def health(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.health"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def venv_with_a_torch_that_dies(folder: Path, flag: Path) -> str:
    """Make a virtual environment like this one, but its torch dies once the flag is there; returns its Python."""
    torch = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/torch"
    torch.mkdir(parents=True)
    (torch / "__init__.py").write_text(
        f"import os, sys\nif os.path.exists({str(flag)!r}): os.kill(os.getpid(), {signal.SIGILL:d})\n"
        f"sys.path.remove({str(torch.parent)!r})\ndel sys.modules['torch']\nimport torch\n"
    )
    (torch.parent / "as_here.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    (folder / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(sys.executable)).parent}\n")
    return str(python)


def fill(folder: Path, left: int) -> None:
    """Take what the disk of a folder has free, but for so many bytes."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    with filler.open("wb") as file, suppress(OSError):
        for _ in range((free.f_bavail * free.f_frsize - left) // 4096):
            file.write(bytes(4096))


def upload(core: Core, images: int = 2, labels: int | None = None) -> Dataset:
    content = io.BytesIO()
    pixels = np.arange(images * 32 * 32 * 3).astype(np.uint8).reshape(images, 32, 32, 3)
    np.savez(content, images=pixels, labels=np.arange(labels or images) % 2)
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
    """Process ids of the runners that work under `data_dir`, but for self-tests."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        folder = arguments[-2] if b"workers.runner" in arguments else b""
        if folder.startswith(str(data_dir).encode()) and b"/self-test/" not in folder:
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


def test_a_worker_with_a_wrong_bucket_says_so_and_leaves_the_work_to_others(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    quick = environment | {"LADD_REAPER_SECONDS": "0.5"}
    wrong = quick | {"LADD_S3_BUCKET": "nowhere"}
    with worker(wrong, tmp_path / "wrong.log"):
        more = [upload(core) for _ in range(SLOTS + 1)]
        wait_for(lambda: "no such bucket" in health_of_all.check(core).checks["workers"])
        # Its slot has sent on the wake-up that it holds, and claims nothing.
        wait_for(lambda: core.dispatcher.waiting("io") == len(more))
        assert [jobs.view(core, dataset.job).tasks[0].attempts for dataset in more] == [[]] * len(more)
        with worker(quick, tmp_path / "right.log"):
            wait_for(lambda: all(datasets.view(core, dataset.id).state is DatasetState.READY for dataset in more))
    for dataset in more:
        (task,) = jobs.view(core, dataset.job).tasks
        assert [attempt.outcome for attempt in task.attempts] == ["succeeded"]


def test_a_worker_with_the_bucket_of_another_deployment_costs_no_attempt(
    core: Core, environment: dict[str, str], tmp_path: Path
) -> None:
    quick = environment | {"LADD_REAPER_SECONDS": "0.5"}
    other = f"{core.settings.s3_bucket}-of-another"
    with closing(Storage(core.settings.model_copy(update={"s3_bucket": other}))) as storage:
        storage.ensure_bucket()
    with worker(quick | {"LADD_S3_BUCKET": other}, tmp_path / "wrong.log"):
        dataset = upload(core)
        wait_for(lambda: "not the bucket of the front" in health_of_all.check(core).checks["workers"])
        (task,) = jobs.view(core, dataset.job).tasks
        assert task.state is JobState.QUEUED
        assert {attempt.outcome for attempt in task.attempts} == {"released"}
        assert task.attempts[0].error is not None
        assert other in task.attempts[0].error.message
        with worker(quick, tmp_path / "right.log"):
            wait_for(lambda: datasets.view(core, dataset.id).state is DatasetState.READY)
    (task,) = jobs.view(core, dataset.job).tasks
    assert {attempt.outcome for attempt in task.attempts[:-1]} == {"released"}
    assert task.attempts[-1].outcome == "succeeded"


@pytest.mark.slow
def test_a_worker_whose_torch_breaks_costs_no_upload(core: Core, environment: dict[str, str], tmp_path: Path) -> None:
    broken, flag = tmp_path / "venv", tmp_path / "broken"
    python = venv_with_a_torch_that_dies(broken, flag)
    apart = {"LADD_DATA_DIR": str(tmp_path / "broken data"), "LADD_REAPER_SECONDS": "1"}
    with worker(environment | apart, tmp_path / "broken.log", python):
        wait_for(lambda: health(environment).returncode == 0)
        flag.touch()
        first = upload(core)
        wait_for(lambda: "has failed its self-test" in health(environment).stdout)
        [task] = jobs.view(core, first.job).tasks
        assert task.state is JobState.QUEUED
        error = task.attempts[0].error
        assert error is not None
        assert (error.code, error.origin) == (ErrorCode.DEVICE_FAILED, ErrorOrigin.WORKER)
        with worker(environment, tmp_path / "worker.log"):
            uploaded = [first, *(upload(core) for _ in range(4))]
            wait_for(lambda: all(jobs.view(core, dataset.job).state in TERMINAL_STATES for dataset in uploaded))
    assert [datasets.view(core, dataset.id).state for dataset in uploaded] == [DatasetState.READY] * 5
    attempts = [jobs.view(core, dataset.job).tasks[0].attempts for dataset in uploaded]
    assert [attempt.outcome for attempt in attempts[0]] == ["failed", "succeeded"]
    assert {attempt.worker for [attempt] in attempts[1:]} == {attempts[0][1].worker}
    assert "Traceback" not in (tmp_path / "worker.log").read_text()


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


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="mounts a small disk in a namespace of its own")
def test_a_worker_with_a_full_disk_waits_for_room(core: Core, environment: dict[str, str], tmp_path: Path) -> None:
    disk = core.settings.data_dir
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64m none {disk} && exec {sys.executable} -m workers"
    log = tmp_path / "worker.log"
    with worker(environment, log, *IN_NAMESPACE, "sh", "-c", mount, arguments=()) as process:
        wait_for(lambda: health(environment).returncode == 0)
        inside = Path(f"/proc/{process.pid}/root{disk}")
        fill(inside, 0)
        wait_for(lambda: f"the disk of {disk} is full" in health(environment).stdout)
        waiting = upload(core)
        wait_for(lambda: core.dispatcher.waiting("io") > 0)
        assert jobs.view(core, waiting.job).tasks[0].attempts == []
        (inside / "filler").unlink()
        wait_for(lambda: datasets.view(core, waiting.id).state is DatasetState.READY)

        fill(inside, 12 << 20)
        large = upload(core, images=6000)
        wait_for(lambda: jobs.view(core, large.job).state is JobState.FAILED)
        error = jobs.view(core, large.job).error
        assert error is not None
        assert (error.code, error.origin) == (ErrorCode.DISK_FULL, ErrorOrigin.WORKER)
        # There is room for others, as before.
        wait_for(lambda: health(environment).returncode == 0)


def test_a_worker_on_a_machine_whose_driver_lists_no_gpu_does_not_start(
    environment: dict[str, str], tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho No devices were found\n")
    tool.chmod(0o755)
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    on_path = {"PATH": f"{tmp_path}:{environment['PATH']}", "LADD_WORKER_QUEUES": "cpu,gpu"}
    command = [sys.executable, "-m", "workers"]
    told = subprocess.run(command, env=environment | on_path, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "no worker is started: " in told.stderr
    assert "No devices were found" in told.stderr
    assert "Traceback" not in told.stderr


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
