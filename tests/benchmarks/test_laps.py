"""Stretches of work under one clock, after a warm-up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAPS = Path(__file__).parents[2] / "benchmarks" / "laps.py"
WORK = """
import time

def work(lap, text, file):
    while True:
        print(text)
        with open(file, "a") as out:
            out.write("x")
        lap()

def busy(lap):
    while True:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        time.sleep(0.05)
        lap()

def ends(lap):
    lap()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "worked.py").write_text(WORK)
    return os.environ | {"PYTHONPATH": str(tmp_path)}


def run(environment: dict[str, str], function: str, arguments: object, said: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LAPS), f"worked:{function}", json.dumps(arguments), "2"]
    return subprocess.run(command, env=environment, input=said, capture_output=True, text=True, check=False)


def test_an_answer_after_the_warm_up_and_after_every_stretch(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, "work", {"text": "noise", "file": str(tmp_path / "laps")}, "3\n1\n")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 3
    assert (tmp_path / "laps").read_text() == "x" * (2 + 3 + 1)
    assert done.stderr.count("noise") == 6


def test_cpu_seconds_leave_out_waiting(environment: dict[str, str]) -> None:
    done = run(environment, "busy", {}, "4\n")
    answer = json.loads(done.stdout.splitlines()[1])
    assert answer["cpu"] >= 4 * 0.05
    # Four times 50 ms of sleep are in the one and not in the other.
    assert answer["wall"] - answer["cpu"] >= 4 * 0.04
    assert answer["peak_bytes"] > 2**20


def test_work_that_ends_is_an_error(environment: dict[str, str]) -> None:
    done = run(environment, "ends", {}, "1\n")
    assert done.returncode == 1
    assert "worked:ends ended by itself" in done.stderr
