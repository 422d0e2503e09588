"""`benchmarks/gpu.sh` as on a GPU machine, from a copy of the checkout that nobody installed: tiny, on the CPU."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from gpu_session import Session
from interleaved import TimeIsUp
from step_variants import unfolded_convolution
from torch import nn

from tests.bare_machine import bare_environment, bare_python, copy_of_checkout
from tests.benchmarks.real_sets import real_sets

SECTIONS = ("engine", "variants", "evidence")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The script with some arguments."""
    folder = tmp_path_factory.mktemp("machine")
    environment = bare_environment(bare_python(folder / "python")) | {"OMP_NUM_THREADS": "1"}
    script = copy_of_checkout(folder / "checkout") / "benchmarks" / "gpu.sh"

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = ["bash", script, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_writes_its_table_and_its_rounds(run: Run, section: str, tmp_path: Path) -> None:
    done = run(section, "--smoke", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / f"{section}_cpu_smoke.json").read_text())
    assert document["cut"] == document["failed"] == []
    assert document["rows"]
    assert all(len(row) == len(document["header"]) for row in document["rows"])
    for variants in document["timings"].values():
        assert all(len(timing["rounds"]) == document["rounds"] == 1 for timing in variants.values())
    # The table comes last.
    assert done.stdout.endswith((tmp_path / f"{section}_cpu_smoke.md").read_text())


@pytest.mark.slow
def test_evidence_trains_on_real_images_where_it_is_given_some(run: Run, tmp_path: Path) -> None:
    done = run("evidence", "--smoke", "--data", real_sets(tmp_path), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "smoke_gpu_evidence.jsonl").read_text().splitlines()]
    assert [(line["set"], line["arm"], line["views"]) for line in lines] == [
        ("dm", "baseline", None),
        ("dm", "ladd", "sampled:5"),
        ("dm_start", "baseline", None),
        ("dm_start", "ladd", "sampled:5"),
        ("dm", "ladd", "full"),
    ]
    # The table of all lines is there, and that of the hours comes last.
    assert (tmp_path / "out" / "smoke_gpu_evidence.md").read_text() in done.stdout
    assert done.stdout.endswith((tmp_path / "out" / "evidence_cpu_smoke.md").read_text())


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_with_a_status_of_its_own(run: Run) -> None:
    done = run("engine")
    assert done.returncode == 3
    assert "there is no CUDA device here" in done.stdout


@pytest.mark.slow
def test_an_unknown_section_is_refused(run: Run) -> None:
    assert run("machine_peak").returncode == 2


def test_what_there_was_no_time_for_is_named(tmp_path: Path) -> None:
    session = Session("engine", tmp_path, 1e-9, None, smoke=True)
    session.begin(["network"], [])
    with pytest.raises(TimeIsUp):
        list(session.timed([("first", {"a": lambda lap: None}), ("second", {})]))
    assert json.loads((tmp_path / "engine_cpu_smoke.json").read_text())["cut"] == ["first", "second"]
    assert "No time was left for: first; second" in session.text()


@pytest.mark.parametrize(("stride", "padding"), [(1, 2), (2, 0)])
def test_an_unfolded_convolution_is_the_convolution(stride: int, padding: int) -> None:
    convolution = nn.Conv2d(3, 4, 5, stride=stride, padding=padding)
    images = torch.randn(2, 3, 12, 11)
    torch.testing.assert_close(unfolded_convolution(convolution, images), convolution(images))
