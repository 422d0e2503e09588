"""The benchmarks of the engine, with tiny sizes on a CPU: that each runs, and what it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.sh"
SECTIONS = ["machine_peak", "deployment", "labelling"]
"""One of each form; `benchmarks/gpu.sh --device cpu --smoke` runs them all."""


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), "--device", "cpu", "--out", str(out), *arguments],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a smoke run."""
    folder = tmp_path_factory.mktemp("tables")
    done = run(folder, "--smoke", *SECTIONS)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_writes_a_table_and_its_rounds(out: Path, section: str) -> None:
    document = json.loads((out / f"{section}_cpu.json").read_text())
    assert document["cut"] == []
    assert document["rows"]
    assert all(len(row) == len(document["header"]) for row in document["rows"])
    for variants in document["timings"].values():
        assert all(len(timing["rounds"]) == document["rounds"] == 1 for timing in variants.values())
    text = (out / f"{section}_cpu.md").read_text()
    assert "torch" in text
    assert "n = 1 rounds" in text


def test_what_there_was_no_time_for_is_named(out: Path, tmp_path: Path) -> None:
    for name in ("peak_cpu.json",):
        (tmp_path / name).write_text((out / name).read_text())
    script = ROOT / "benchmarks" / "labelling.py"
    command = [sys.executable, str(script), "--smoke", "--seconds", "0", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "no time left for ConvNetD3 32 px" in done.stdout
    document = json.loads((tmp_path / "labelling_cpu.json").read_text())
    assert document["cut"] == ["ConvNetD3 32 px"]
    assert "No time was left for: ConvNetD3 32 px" in (tmp_path / "labelling_cpu.md").read_text()


def test_without_the_peak_it_says_what_to_run(tmp_path: Path) -> None:
    done = run(tmp_path, "--smoke", "labelling")
    assert done.returncode == 1
    assert "run benchmarks/machine_peak.py" in done.stderr


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "--fast").returncode == 2
