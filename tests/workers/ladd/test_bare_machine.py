"""A bare GPU machine has torch, numpy, scipy, Pillow and safetensors: there the science that computes is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

LADD = Path(__file__).parents[3] / "workers" / "ladd"

ROOMS = ("engine", "models", "recipes", "sets", "labeler", "labels", "deployment")
TRAINING_SIDE = ("evaluation/trial.py", "evaluation/lr_choice.py", "evaluation/grad_cam.py", "evaluation/answers.py")
"""The part of the room that measures; the other makes reports."""

ABSENT = ("pydantic", "api_schemas", "matplotlib", "pyarrow", "torchvision")

MODULES = [
    ".".join(path.relative_to(LADD.parents[1]).with_suffix("").parts)
    for path in sorted(
        [*(file for room in ROOMS for file in (LADD / room).glob("*.py")), *(LADD / file for file in TRAINING_SIDE)]
    )
]

IMPORT = """
import importlib, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None  # the import of None is refused
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


@pytest.mark.slow
def test_the_computing_science_needs_torch_numpy_scipy_pillow_and_safetensors_alone() -> None:
    assert {name.split(".")[2] for name in MODULES} == {*ROOMS, "evaluation"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, ",".join(ABSENT), *MODULES],
        capture_output=True,
        text=True,
        cwd=LADD.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr
