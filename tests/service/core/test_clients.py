"""Opening the core connects nothing and loads nothing heavy."""

import subprocess
import sys
from contextlib import closing

import pytest

from service.core.clients import open_core
from service.core.foundation.settings import Settings


def test_opening_connects_nothing() -> None:
    nowhere = Settings(redis_url="redis://127.0.0.1:9/0", s3_endpoint_url="http://127.0.0.1:9")
    with closing(open_core(nowhere)) as core:
        assert "127.0.0.1:9/0" not in repr(core.settings)


@pytest.mark.slow
def test_torch_stays_outside() -> None:
    modules = "service.core.lifecycle.tasks, service.core.resources.jobs"
    heavy = f"import sys, {modules}; print({{'torch', 'numpy', 'fastapi'}} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
