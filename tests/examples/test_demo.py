"""The demo as a process of its own, in a folder of its own, on made-up images and with a job of a few seconds."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = """
import sys
import demo
demo.TRAIN_IMAGES_PER_CLASS, demo.VAL_IMAGES_PER_CLASS = 4, 2
demo.JOB = {
    "labeler": {"epochs": 1},
    "views": {"n": 2, "ratio": 0.5},
    "evaluation": {
        "architectures": ["ConvNetD3"], "trials": 2, "overrides": {"epochs": 1, "views": "sampled:1"},
    },
}
sys.exit(demo.main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A copy of `examples/`; the demo keeps its stack, cache and output beside it. Nothing may be left running."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path
    assert processes_of(tmp_path) == []


def processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def start(home: Path, data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SMALL],
        cwd=home / "examples",
        # Wide enough for a path of the temporary folder on one line.
        env={**os.environ, "LADD_FASHION_MNIST_DIR": str(data), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for leftover processes in /proc")
def test_the_demo_goes_through_its_stages_and_leaves_its_files(home: Path, data: Path) -> None:
    with start(home, data) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    # Where nothing can be redrawn, a stage of more than 15 s also tells how many per cent are done.
    stages = [line for line in output.splitlines() if re.search("━━|##", line) and not re.search(r"\d%  ", line)]
    names = ["find data", "pack source set", "start stack", "upload source", "validate", "upload distilled", "validate"]
    names += ["train labeler", "dense labels", "evaluate", "report", "download", "numpy.load"]
    assert [stage[2:18].strip() for stage in stages] == names

    kept = home / "demo-output"
    with np.load(kept / "archive.zip") as arrays:
        assert arrays["dense_labels"].shape == (100, 4, 10)
        assert arrays["images"].shape[0] == arrays["labels"].shape[0] == 100
    report = json.loads((kept / "report.json").read_text())
    assert [row["architecture"] for row in report["evaluation"]["rows"]] == ["ConvNetD3"] * 2
    table = (kept / "report.txt").read_text()
    assert table in output
    assert "ConvNetD3" in table
    assert str(kept) in output

    # The archive serves whoever has no service.
    with tarfile.open(home / ".cache" / "fashion-mnist" / "source_4_2.tar") as tar:
        tar.extractall(home, filter="data")
    program = [sys.executable, "examples/train_on_archive.py", "demo-output/archive.zip", "val", "--epochs", "1"]
    trained = subprocess.run(program, cwd=home, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d\d %\n", trained.stdout)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for leftover processes in /proc")
def test_ctrl_c_stops_everything(home: Path, data: Path) -> None:
    with start(home, data) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "validate" in line:
                break
        assert processes_of(home) != []
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert "stopped; nothing is left running" in rest


def test_data_that_is_not_there_is_said_plainly(home: Path) -> None:
    with start(home, home) as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    assert f"LADD_FASHION_MNIST_DIR={home} lacks one of: train-images-idx3-ubyte.gz" in output
