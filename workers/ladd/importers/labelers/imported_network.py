"""A network as an importer read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class ImportedNetwork:
    """`checkpoints`: {epoch: weights by name}; `graph`: the graph of an exported network (`labeler.graph`).

    `class_map` is the network's output for each class where it had to be found, else that of the metadata.
    """

    checkpoints: Mapping[int, Mapping[str, Tensor]]
    graph: dict[str, Any] | None = None
    class_map: Sequence[int] | None = None
