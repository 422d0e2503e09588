"""`make test-gpu` as on a GPU machine, from a copy of the checkout that nobody installed: tiny, on the CPU."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from tests.bare_machine import bare_environment, bare_python, copy_of_checkout

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]

CHECKS = """
    import time
    from unittest import SkipTest

    def check_bits(device):
        raise AssertionError("3 is not 4")

    def check_kernel(device):
        raise RuntimeError("illegal memory access")

    def check_device(device):
        return f"on {device}"

    def check_illegal_access(device):
        # As on a GPU: nothing that this process asks of it is answered any more.
        import torch
        torch.ones = None
        raise RuntimeError("illegal memory access")

    def check_servers(device):
        raise SkipTest("no server")

    def check_hanging(device):
        while True:
            try:
                time.sleep(1)
            except Exception:
                pass
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A command in the copy; `made_up`: in one with checks that end in every way."""
    folder = tmp_path_factory.mktemp("machine")
    environment = bare_environment(bare_python(folder / "python")) | {"OMP_NUM_THREADS": "1"}
    checkouts = [copy_of_checkout(folder / name) for name in ("whole", "made_up")]
    (checkouts[1] / "tests" / "gpu" / "check_made_up.py").write_text(dedent(CHECKS))
    (checkouts[1] / "tests" / "gpu" / "check_moved.py").write_text("import workers.ladd.nowhere")

    def run(*command: str | Path, made_up: bool = False) -> "subprocess.CompletedProcess[str]":
        folder = checkouts[made_up]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def test_every_check_runs_on_a_bare_machine(run: Run, tmp_path: Path) -> None:
    done = run("python3", "tests/gpu/run.py", "--smoke", "--out", tmp_path / "seen.json")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())["checks"]
    not_run = {name: check["seen"] for name, check in seen.items() if check["outcome"] == "not run"}
    assert {"equality.with_the_cpu", "interruptions.resume_after_a_kill", "memory.at_128_px"} <= set(seen) - set(
        not_run
    )
    # What needs more than such a machine has says so.
    assert "pydantic" in not_run["runner.confined_runner"]
    assert "celery" in not_run["service.ladd_job"]


def test_a_check_that_fails_stops_no_other(run: Run) -> None:
    named = ["moved", *(f"made_up.{name}" for name in ("device", "servers", "kernel", "bits"))]
    done = run("python3", "tests/gpu/run.py", "--smoke", *named, made_up=True)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    bits, kernel, servers, device = (
        next(line for line in lines if line.startswith(f"made_up.{name}:"))
        for name in ("bits", "kernel", "servers", "device")
    )
    assert bits.startswith("made_up.bits: FAILED")
    assert bits.endswith("3 is not 4")
    assert kernel.startswith("made_up.kernel: FAILED")
    assert "RuntimeError: illegal memory access" in done.stdout
    assert "No module named 'workers.ladd.nowhere'" in done.stdout
    assert servers.startswith("made_up.servers: not run")
    assert device.startswith("made_up.device: passed")
    assert device.endswith("on cpu")
    assert lines[-1] == "3 FAILED, 1 passed, 1 not run"


def test_the_rest_runs_in_another_process_when_a_check_takes_the_device_away(run: Run, tmp_path: Path) -> None:
    named = [f"made_up.{name}" for name in ("device", "illegal_access", "servers")]
    done = run("python3", "tests/gpu/run.py", "--smoke", "--out", tmp_path / "seen.json", *named, made_up=True)
    assert "does not answer in this process any more" in done.stdout
    seen = json.loads((tmp_path / "seen.json").read_text())["checks"]
    ended = {name.partition(".")[2]: check["outcome"] for name, check in seen.items()}
    assert ended == {"device": "passed", "illegal_access": "FAILED", "servers": "not run"}
    assert done.returncode == 1


def test_what_there_was_no_time_for_is_named(run: Run) -> None:
    done = run("python3", "tests/gpu/run.py", "--smoke", "--seconds", "8", "made_up.hanging", "moved", made_up=True)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "made_up.hanging: no time left" in done.stdout
    assert "moved.import: no time left" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_with_a_status_of_its_own(run: Run) -> None:
    assert run("python3", "tests/gpu/run.py").returncode == 3
    assert "there is no CUDA device here" in run("make", "test-gpu").stdout
