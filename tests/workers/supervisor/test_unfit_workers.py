"""Workers that cannot work: they say so, and cost nobody a job."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from api_schemas.datasets import DatasetState
from api_schemas.jobs import TERMINAL_STATES, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin
from service.core.clients import Core
from service.core.objects.storage import Storage
from service.core.resources import datasets, jobs
from service.core.upkeep import health as health_of_all
from tests.workers.supervisor.worker_processes import SLOTS, health, upload, wait_for, worker

IN_NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")


def may_mount() -> bool:
    """Tell whether this system lets us mount a disk that nobody else sees."""
    mounting = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(mounting, capture_output=True).returncode == 0


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
