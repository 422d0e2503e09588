"""A CLIP-style classifier: an exported image encoder, and one embedding for each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.ladd.importers.labelers.exported_graph import read_graph
from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.importers.labelers.tensor_files import as_float32, read_safetensors
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_numpy import NPY_MAGIC, read_npy
from workers.ladd.labeler.network import CLASS_EMBEDDINGS, NetworkSpec


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Read encoder and embeddings.

    Raises ImportRejected with rule `encoder_and_embeddings`, `class_embeddings` or one of `exported_graph`'s.
    """
    encoders = [path for path in files if container_of(path) == "zip"]
    others = [path for path in files if path not in encoders]
    if len(encoders) != 1 or len(others) != 1:
        kinds = ", ".join(f"{path.name}: {container_of(path)}" for path in files)
        raise rejected("files", "encoder_and_embeddings", kinds, "expected a .pt2 and a .npy or safetensors file")
    graph, tensors = read_graph(encoders[0], spec.channels)
    return ImportedNetwork({1: tensors | {CLASS_EMBEDDINGS: _embeddings(others[0], spec)}}, graph)


def _embeddings(path: Path, spec: NetworkSpec) -> Tensor:
    """Return [C, D] float32 out of a `.npy`, or of safetensors under its name or alone."""
    with path.open("rb") as file:
        is_npy = file.read(len(NPY_MAGIC)) == NPY_MAGIC
    if is_npy:
        array = read_npy(path)
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise rejected(path.name, "class_embeddings", array.dtype, "embeddings must be floats")
        tensor = torch.from_numpy(np.array(array))
    else:
        named = read_safetensors(path)
        if CLASS_EMBEDDINGS not in named and len(named) != 1:
            message = f"among several tensors the embeddings must be named {CLASS_EMBEDDINGS}"
            raise rejected(path.name, "class_embeddings", ", ".join(named), message)
        tensor = named.get(CLASS_EMBEDDINGS, next(iter(named.values())))
    if tensor.ndim != 2 or (spec.class_map is None and len(tensor) != spec.num_classes):
        message = f"expected one embedding for each of {spec.num_classes} classes, [C, D]"
        raise rejected(path.name, "class_embeddings", tuple(tensor.shape), message)
    return as_float32(path.name, tensor)
