"""A classifier that was exported with `torch.export`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.ladd.importers.labelers.exported_program import read_program
from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.labeler.network import NetworkSpec


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Read one `.pt2`; raises ImportRejected with one of `exported_program`'s rules."""
    [path] = files
    program, tensors = read_program(path, spec.channels)
    return ImportedNetwork({1: tensors}, program)
