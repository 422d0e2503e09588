"""The benchmarks of the engine on a CPU, with tiny sizes: that each form of them runs, and what it writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = ["machine_peak", "deployment", "labelling"]
"""One of each form; `machine_peak` comes first."""


def run(script: str, out: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--smoke", "--out", str(out), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a smoke run."""
    folder = tmp_path_factory.mktemp("tables")
    for script in SCRIPTS:
        done = run(script, folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_writes_a_table_and_its_rounds(out: Path, script: str) -> None:
    document = json.loads((out / f"{script}_cpu.json").read_text())
    assert document["cut"] == []
    assert document["rows"]
    assert all(len(row) == len(document["header"]) for row in document["rows"])
    for variants in document["timings"].values():
        assert all(len(timing["rounds"]) == document["rounds"] == 1 for timing in variants.values())
    text = (out / f"{script}_cpu.md").read_text()
    assert "torch" in text
    assert "n = 1 rounds" in text


@pytest.mark.slow
def test_what_there_was_no_time_for_is_named(out: Path, tmp_path: Path) -> None:
    (tmp_path / "peak_cpu.json").write_text((out / "peak_cpu.json").read_text())
    done = run("labelling", tmp_path, "--seconds", "0")
    assert "no time left for ConvNetD3 32 px" in done.stdout
    document = json.loads((tmp_path / "labelling_cpu.json").read_text())
    assert document["cut"] == ["ConvNetD3 32 px"]
    assert "No time was left for: ConvNetD3 32 px" in (tmp_path / "labelling_cpu.md").read_text()


@pytest.mark.slow
def test_without_the_peak_it_says_what_to_run(tmp_path: Path) -> None:
    done = run("labelling", tmp_path)
    assert done.returncode == 1
    assert "run benchmarks/machine_peak.py" in done.stderr
