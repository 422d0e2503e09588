"""The kernels in Triton's interpreter, in a process of its own: Triton decides when it is imported to interpret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[5]


@pytest.mark.slow
def test_the_tests_of_the_interpreter_pass() -> None:
    # The interpreter of 3.6 fails under NumPy 2.4.
    pytest.importorskip("triton", minversion="3.7")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(Path(__file__).with_name("interpreted.py")),
    ]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
