"""A classifier that was exported with `torch.export`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workers.ladd.importers.labelers.exported_graph import read_graph
from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.labeler.network import NetworkSpec


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Read one `.pt2`; raises ImportRejected with one of `exported_graph`'s rules."""
    [path] = files
    graph, tensors = read_graph(path, spec.channels)
    return ImportedNetwork({1: tensors}, graph)
