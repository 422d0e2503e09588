"""Named tensors in a file from a stranger: safetensors, `.npy`, or a `.pt` that holds nothing else."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import ImportRejected, rejected, undecided
from workers.ladd.importers.reading.safe_torch import is_pickle, read_torch
from workers.ladd.importers.reading.safetensors_errors import safetensors_errors
from workers.ladd.labeler.network import NetworkSpec

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "net_parameters")
"""Keys of a network in a checkpoint: torch's tutorials, Lightning, nanoGPT, DataDAM."""
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""Prefixes that `nn.DataParallel`, `torch.compile` and wrappers of one member put before every name."""
_LEVELS = 3
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_named_tensors(path: Path) -> dict[str, Tensor]:
    """Return {name: tensor} of safetensors, or of a `.pt` with a state dict, alone or as a member of `_WRAPPERS`.

    What wraps a network puts before all names (`_PREFIXES`) is taken off. Raises ImportRejected with rule
    `named_tensors`, `one_reading` (two state dicts) or those of `importers.safe_torch`.
    """
    if container_of(path) == "zip" or is_pickle_not_safetensors(path):
        content = _unwrapped(path.name, read_torch(path))
    else:
        content = read_safetensors(path)
    if not isinstance(content, Mapping) or not content:
        found = described(content)
        message = f"expected tensors by name, a state dict; {path.name} holds {found}"
        raise rejected(path.name, "named_tensors", found, message)
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            found = f"{name}: {described(tensor)}"
            message = (
                f"a state dict holds tensors by name only, alone or as a member called {', '.join(_WRAPPERS)}; "
                f"{path.name} holds {described(content)}"
            )
            raise rejected(path.name, "named_tensors", found, message)
    tensors = dict(content)
    while (prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in tensors)), None)) is not None:
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _unwrapped(location: str, content: object) -> object:
    """Return the state dict among what a training script saves beside it."""
    for _ in range(_LEVELS):
        if not isinstance(content, Mapping):
            break
        inner = [name for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
        if len(inner) > 1:
            readings = {name: f"the state dict of this name, {described(content[name], 1)}" for name in inner}
            raise undecided(location, f"{location} holds {len(inner)} state dicts; send one of them alone", readings)
        if not inner:
            break
        content = content[inner[0]]
    return content


def is_pickle_not_safetensors(path: Path) -> bool:
    """Tell a bare pickle from safetensors, whose ninth byte opens a JSON object: the first may look like a pickle's."""
    with path.open("rb") as file:
        return file.read(9)[8:] != b"{" and is_pickle(path)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a safetensors file; raises ImportRejected with rule `readable_tensor_file`."""
    with safetensors_errors(path.name):
        return load_file(path)


def mismatch(location: str, what: str, fault: str, spec: NetworkSpec) -> ImportRejected:
    """Return the refusal, rule `tensors_match_architecture`, of tensors that are not `what` of our architecture."""
    message = (
        f"these are not the {what} of {spec.architecture} for {spec.num_classes} classes and images of "
        f"{spec.channels} x {spec.size} x {spec.size}: {fault}"
    )
    return rejected(location, "tensors_match_architecture", fault, message)


def as_float32(location: str, tensor: Tensor) -> Tensor:
    """Return a finite float tensor as contiguous float32 of its own memory.

    Raises ImportRejected with rule `float_tensor` or `finite_values`.
    """
    if tensor.layout != torch.strided or tensor.dtype not in FLOATS:
        raise rejected(location, "float_tensor", f"{tensor.dtype}, {tensor.layout}", "weights must be plain floats")
    copy = tensor.detach().to(torch.float32).contiguous().clone()
    if not torch.isfinite(copy).all():
        raise rejected(location, "finite_values", None, f"{location} holds a value that is not a finite number")
    return copy
