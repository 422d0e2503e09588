"""torchvision is imported where its compiled part does not fit."""

import subprocess
import sys
from pathlib import Path

import pytest

from workers.ladd.models.torchvision_import import import_torchvision

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]

BROKEN = """
import sys, types, importlib.abc, importlib.machinery
class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            raise RuntimeError("another reason")
sys.meta_path.insert(0, Refusing())
from workers.ladd.models.torchvision_import import import_torchvision
try:
    import_torchvision()
except RuntimeError as error:
    print(error)
"""

WORKING = """
import sys, types
working = types.ModuleType("torchvision")
sys.modules["torchvision"] = working
from workers.ladd.models import torchvision_import
assert torchvision_import.import_torchvision() is working
print(torchvision_import._libraries)
"""


def output(script: str) -> str:
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return child.stdout.strip()


@pytest.mark.parametrize("name", ["torchvision", "torchvision.transforms.v2.functional", "torchvision.models"])
def test_torchvision_imports_again_and_again(name: str) -> None:
    module = import_torchvision(name)
    assert module.__name__ == name
    assert import_torchvision(name) is module


def test_other_failures_are_not_hidden() -> None:
    assert output(BROKEN) == "another reason"


def test_nothing_is_declared_where_torchvision_works() -> None:
    assert output(WORKING) == "[]"
