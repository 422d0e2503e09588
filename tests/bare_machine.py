"""A Python as a GPU machine without a package index has it, and a copy of the checkout that nobody installed there."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "matplotlib", "pyarrow", "safetensors", "pytest")
"""All that such a machine has, apart from what these require."""

COPIED = ("Makefile", "api_schemas", "benchmarks", "client", "method", "pyproject.toml", "service", "stack", "workers")


def bare_python(folder: Path, packages: Iterable[str] = PACKAGES) -> Path:
    """Make a virtual environment in `folder` with these packages, what they require and no other.

    Their files are links to those of this interpreter. Returns the path of its `python3`.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    for name in sorted(_with_requirements(packages)):
        found = distribution(name)
        for entry in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            if not (site / entry).exists():
                (site / entry).symlink_to(str(found.locate_file(entry)))
    return folder / "bin" / "python3"


def copy_of_checkout(folder: Path) -> Path:
    """Copy what runs, the checks of `tests/gpu` included, to `folder`, without what was built or measured here."""
    folder.mkdir()
    for name in (*COPIED, "tests/gpu"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def bare_environment(python: Path) -> dict[str, str]:
    """The environment of a shell there: its `python3` comes first, and nothing leads to this checkout."""
    ours = ("PYTHON", "VIRTUAL_ENV", "LADD_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


def _with_requirements(packages: Iterable[str]) -> set[str]:
    wanted, found = list(packages), set[str]()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            # For another platform, or for an extra that nobody asked for.
            continue
        found.add(name)
        wanted += [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in required if "extra ==" not in each]
    return found
