"""A format is a module with two functions; anything else that importers share lies beside the formats."""

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from workers.ladd.importers import formats

MODULES = [
    module
    for path in sorted(Path(str(formats.__file__)).parent.glob("[!_]*.py"))
    if hasattr(module := import_module(f"{formats.__name__}.{path.stem}"), "detect")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_format_offers_detect_and_read_alone(module: ModuleType) -> None:
    own = {
        name
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__ and not name.startswith("_")
    }
    assert own == {"detect", "read"}
