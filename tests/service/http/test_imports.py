import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_front_never_loads_torch_or_numpy() -> None:
    code = "import sys, service.http.__main__; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
