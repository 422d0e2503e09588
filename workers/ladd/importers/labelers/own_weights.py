"""Weights of one of our architectures, whose tensors have the names of DC's, MTT's and GLaD's code bases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.importers.labelers.tensor_files import as_float32, mismatch, read_named_tensors
from workers.ladd.labeler.network import NetworkSpec, build_own

_COUNTER = ".num_batches_tracked"
"""A count of a normalization layer, which nothing is computed by."""
_SHOWN = 10


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Read one state dict; raises ImportRejected with rule `tensors_match_architecture` or those of `tensor_files`."""
    [path] = files
    sent = read_named_tensors(path)
    expected = build_own(spec).state_dict()
    sent = {name: tensor for name, tensor in sent.items() if name in expected or not name.endswith(_COUNTER)}
    _check_names_and_shapes(path.name, sent, expected, spec)
    return ImportedNetwork({1: {name: as_float32(f"{path.name}/{name}", sent[name]) for name in expected}})


def _check_names_and_shapes(
    location: str, sent: Mapping[str, Tensor], expected: Mapping[str, Tensor], spec: NetworkSpec
) -> None:
    misshapen = [
        f"{name} {list(sent[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in sent and sent[name].shape != tensor.shape
    ]
    found = {
        "missing": [name for name in expected if name not in sent],
        "unexpected": [name for name in sent if name not in expected],
        "misshapen": misshapen,
    }
    faults = [f"{what}: {_listed(names)}" for what, names in found.items() if names]
    if faults:
        raise mismatch(location, "weights", "; ".join(faults), spec)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
