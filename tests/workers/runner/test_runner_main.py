"""The runner as a process: events on standard output, everything else on standard error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin
from api_schemas.runner import RUNNER_EVENT, Confinement, FailedEvent, RunnerTask, TaskType

pytestmark = pytest.mark.slow

GIB = 1 << 30
NOISY = """
import os
from workers.runner.__main__ import _events_only
events = _events_only()
print("printed by a library")
os.write(1, b"written by a C library\\n")
events.write(b"an event\\n")
"""


def test_only_events_reach_standard_output() -> None:
    told = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True, check=True)
    assert told.stdout == "an event\n"
    assert {*told.stderr.splitlines()} == {"written by a C library", "printed by a library"}


def test_a_runner_has_one_thread_when_it_gives_up_the_network() -> None:
    look = "import os, sys, workers.runner.__main__; print(len(os.listdir('/proc/self/task')), 'numpy' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", look],
        # Libraries of arithmetic start as many threads when they are imported.
        env=os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "1 False\n"


def test_an_exception_is_told_as_the_last_event_and_shown_in_full(tmp_path: Path) -> None:
    task = RunnerTask(type=TaskType.INGEST, params={}, inputs={}, documents={}, device="cpu", threads=1)
    (tmp_path / "task.json").write_text(task.model_dump_json())
    with subprocess.Popen(
        [sys.executable, "-m", "workers.runner", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as runner:
        assert runner.stdout is not None
        assert runner.stderr is not None
        *_, last = map(RUNNER_EVENT.validate_json, runner.stdout)
        assert "Traceback" in runner.stderr.read()
        assert runner.wait() == 0
    assert isinstance(last, FailedEvent)
    assert (last.error.code, last.error.origin) == (ErrorCode.INTERNAL, ErrorOrigin.INTERNAL)
    assert last.error.message == "KeyError: 'metadata'"


def test_an_upload_that_takes_more_memory_than_it_may_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    entry = {"dtype": "F32", "shape": [GIB // 256, 1, 8, 8], "data_offsets": [0, GIB]}
    labels = {"dtype": "I64", "shape": [1], "data_offsets": [GIB, GIB + 8]}
    header = json.dumps({"images": entry, "labels": labels}).encode()
    with (tmp_path / "upload").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + GIB + 8)
    task = RunnerTask(
        type=TaskType.INGEST,
        params={"metadata": {"name": "large", "role": "distilled"}, "files": {"file_000": "set.safetensors"}},
        inputs={"uploads": {"file_000": "upload"}},
        documents={},
        device="cpu",
        threads=1,
        confinement=Confinement(memory_bytes=GIB, file_bytes=GIB, cpu_seconds=600, open_files=256, network=False),
    )
    (tmp_path / "task.json").write_text(task.model_dump_json())
    with subprocess.Popen(
        [sys.executable, "-m", "workers.runner", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runner:
        assert runner.stdout is not None
        *_, last = map(RUNNER_EVENT.validate_json, runner.stdout)
    assert isinstance(last, FailedEvent)
    assert [(reason.rule, reason.value) for reason in last.error.reasons] == [("memory_limit", f"{GIB} bytes")]


def test_usage_is_shown() -> None:
    told = subprocess.run([sys.executable, "-m", "workers.runner"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "FOLDER" in told.stderr
