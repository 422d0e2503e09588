"""MTT's `replay_buffer_*.pt`: expert trajectories, of which each epoch is a labeler for free.

A list of trajectories; each is a list of epochs + 1 lists of tensors, the network's `parameters()` in their order
(MTT `buffer.py`). Entry 0 is the initialisation, entry e the weights after epoch e. No names are stored.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from method.labeler import kept_epochs
from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.importers.labelers.tensor_files import as_float32, mismatch
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_torch import read_torch
from workers.ladd.labeler.network import NetworkSpec, build_own


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Take epochs out of one trajectory.

    Raises ImportRejected with rule `replay_buffer_layout`, `trajectory_exists`, `epoch_exists`,
    `tensors_match_architecture` or those of `importers.safe_torch`.
    """
    [path] = files
    trajectories = _list(path.name, read_torch(path), "a list of trajectories")
    number = options["trajectory"]
    if number >= len(trajectories):
        message = f"{path.name} has {len(trajectories)} trajectories, from 0 on"
        raise rejected("metadata.trajectory", "trajectory_exists", number, message)
    location = f"{path.name}[{number}]"
    trajectory = _list(location, trajectories[number], "a trajectory, a list of epochs")
    last = len(trajectory) - 1
    if last < 1:
        raise rejected(location, "epoch_exists", last, "the trajectory has no epoch after its initialisation")
    wanted = options["checkpoint_epochs"] or kept_epochs(last)
    if max(wanted) > last:
        raise rejected("metadata.checkpoint_epochs", "epoch_exists", max(wanted), f"{location} ends after epoch {last}")
    expected = dict(build_own(spec).named_parameters())
    return ImportedNetwork(
        {epoch: _weights(f"{location}[{epoch}]", trajectory[epoch], expected, spec) for epoch in sorted(set(wanted))}
    )


def _weights(location: str, entry: object, expected: Mapping[str, Tensor], spec: NetworkSpec) -> dict[str, Tensor]:
    tensors = _list(location, entry, "the parameters of one epoch")
    shapes = [list(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__ for tensor in tensors]
    wanted = {name: list(parameter.shape) for name, parameter in expected.items()}
    if shapes != list(wanted.values()):
        differing = [
            f"{name} {shape} instead of {want}"
            for shape, (name, want) in zip(shapes, wanted.items(), strict=False)
            if shape != want
        ]
        fault = f"{len(tensors)} tensors instead of {len(wanted)}" if len(tensors) != len(wanted) else differing[0]
        raise mismatch(location, "parameters", fault, spec)
    return {name: as_float32(f"{location}/{name}", tensor) for name, tensor in zip(expected, tensors, strict=True)}


def _list(location: str, value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise rejected(location, "replay_buffer_layout", type(value).__name__, f"{location} must be {what}")
    return value
