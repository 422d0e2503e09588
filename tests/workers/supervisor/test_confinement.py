"""Runners that read uploads run with less than other processes, and what that ends is said to the sender."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin
from api_schemas.runner import Confinement, TaskType
from service.core.foundation.settings import Settings
from service.core.kinds.ingest_dataset import SMALL_SECONDS
from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.confinement import (
    FAULTS,
    Moved,
    confinement_of,
    fault_of_upload,
    moved,
    out_of_time,
    small_seconds,
)

MiB = 1 << 20
ROOT = Path(__file__).parents[3]
CONFINED = """
import errno, json, os, resource, socket, sys
from pathlib import Path
from api_schemas.runner import Confinement
from workers.runner.confinement import confine
confine(Confinement.model_validate_json(sys.argv[1]))
exec(sys.argv[2])
"""
LIMITS = Confinement(memory_bytes=256 * MiB, file_bytes=MiB, cpu_seconds=5, open_files=64, network=False)


def confined(code: str, limits: Confinement = LIMITS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CONFINED, limits.model_dump_json(), code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def claimed(type: TaskType, queue: str = "cpu", **metadata: Any) -> ClaimedTask:
    named = SimpleNamespace(type=type, queue=queue, params={"metadata": metadata}, timeout_seconds=100)
    return cast(ClaimedTask, named)


def test_memory_is_bounded() -> None:
    told = confined("bytearray(512 * 2**20)")
    assert "MemoryError" in told.stderr


def test_files_are_bounded(tmp_path: Path) -> None:
    write = f"try: Path({str(tmp_path / 'file')!r}).write_bytes(bytes({2 * MiB}))"
    told = confined(f"{write}\nexcept OSError as error: print(errno.errorcode[error.errno])")
    assert told.stdout == "EFBIG\n"


@pytest.mark.slow
def test_time_is_bounded() -> None:
    told = confined("while True: pass", LIMITS.model_copy(update={"cpu_seconds": 1}))
    assert -told.returncode in (signal.SIGXCPU, signal.SIGKILL)


def test_no_core_is_written_and_few_files_are_open() -> None:
    told = confined(
        "print(json.dumps([resource.getrlimit(limit) for limit in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)]))"
    )
    assert json.loads(told.stdout) == [[0, 0], [64, 64]]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_rights_are_given_up_and_the_user_stays() -> None:
    told = confined("print(Path('/proc/self/status').read_text()); print('user', os.getuid())")
    status = dict(line.split(":", 1) for line in told.stdout.splitlines() if ":" in line)
    assert status["NoNewPrivs"].strip() == "1"
    if "less confined" not in told.stderr:
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert (
        f"user {subprocess.run(['id', '-u'], capture_output=True, text=True, check=True).stdout.strip()}" in told.stdout
    )


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_the_network_is_out_of_reach_where_the_system_lets_us_leave_it() -> None:
    listening = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"
    listening += "\ntry: socket.create_connection(s.getsockname(), 2)\nexcept OSError: print('unreachable')"
    told = confined(listening)
    assert ("unreachable" in told.stdout) != ("the network cannot be left" in told.stderr)
    kept = confined(listening, LIMITS.model_copy(update={"network": True}))
    assert "unreachable" not in kept.stdout
    assert kept.stdout.strip().isdecimal()


def test_only_what_reads_uploads_is_confined() -> None:
    settings = Settings()
    confinement = confinement_of(claimed(TaskType.INGEST, name="x"), settings, 10 * MiB, threads=3)
    assert confinement is not None
    assert confinement.memory_bytes == settings.import_memory_bytes + 20 * MiB
    assert (confinement.cpu_seconds, confinement.network) == (300, False)
    for type in TaskType:
        given = confinement_of(claimed(type), settings, 0, 1)
        assert (given is not None) == (type in (TaskType.INGEST, TaskType.IMPORT_LABELER))


def test_only_weights_to_be_downloaded_need_the_network() -> None:
    for kind in ("weights", "replay_buffer", "torchvision", "exported", "zero_shot"):
        confinement = confinement_of(claimed(TaskType.IMPORT_LABELER, kind=kind), Settings(), 0, 1)
        assert confinement is not None
        assert confinement.network == (kind == "torchvision")


@pytest.mark.parametrize("number", FAULTS)
def test_a_reader_that_crashes_is_blamed_on_the_upload(number: int) -> None:
    error = fault_of_upload(TaskType.INGEST, number, "the last lines")
    assert error is not None
    assert (error.code, error.origin) == (ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT)
    assert [(reason.location, reason.rule) for reason in error.reasons] == [("files", "reader_survives")]
    assert error.message.endswith("the last lines")


@pytest.mark.parametrize(
    ("type", "number"),
    [(TaskType.INGEST, signal.SIGKILL), (TaskType.INGEST, None), (TaskType.EVALUATE, signal.SIGSEGV)],
)
def test_any_other_death_is_not(type: TaskType, number: int | None) -> None:
    assert fault_of_upload(type, number, "") is None


def test_only_what_passes_for_a_small_upload_has_to_be_read_in_seconds() -> None:
    small, large, report = claimed(TaskType.INGEST, "io"), claimed(TaskType.INGEST), claimed(TaskType.REPORT, "io")
    assert [small_seconds(task) for task in (small, large, report)] == [SMALL_SECONDS, None, None]
    assert [moved(task, signal.SIGPROF) for task in (small, large, report)] == [Moved("cpu"), None, None]
    assert not any(moved(small, number) for number in (None, signal.SIGKILL, *FAULTS))


@pytest.mark.parametrize(
    ("task", "rules"),
    [
        (claimed(TaskType.INGEST, name="x"), ["time_limit"]),
        (claimed(TaskType.IMPORT_LABELER, kind="weights"), ["time_limit"]),
        # What it waits for is the network.
        (claimed(TaskType.IMPORT_LABELER, kind="torchvision"), []),
        (claimed(TaskType.EVALUATE), []),
    ],
)
def test_the_clock_is_held_against_uploads_alone(task: ClaimedTask, rules: list[str]) -> None:
    error = out_of_time(task, 60, "no progress for 60 s")
    assert (error.code, error.origin) == (ErrorCode.TIMEOUT, ErrorOrigin.TIMEOUT)
    assert [reason.rule for reason in error.reasons] == rules
