"""Labelers that were trained elsewhere: from files as sent to weights in our own form, by kind.

A new kind is one module with `read`, one line here, and its metadata in `api_schemas/labelers.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from workers.ladd.importers.labelers import exported_graph, own_weights, replay_buffer, torchvision_weights, zero_shot
from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.labeler.network import NetworkSpec

__all__ = ["READERS", "ImportedNetwork", "Reader"]


class Reader(Protocol):
    """The functions of a kind's module."""

    def read(self, files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
        """Read the files; `options` is the metadata as sent. Raises ImportRejected."""


READERS: dict[str, Reader] = {
    "weights": own_weights,
    "replay_buffer": replay_buffer,
    "torchvision": torchvision_weights,
    "exported": exported_graph,
    "zero_shot": zero_shot,
}
