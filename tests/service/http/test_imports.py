"""Libraries that starting the front must not load."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_starting_the_front_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, service.http.__main__; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
