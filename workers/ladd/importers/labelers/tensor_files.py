"""Named tensors in a file from a stranger: safetensors, `.npy`, or a `.pt` that holds nothing else."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import ImportRejected, rejected
from workers.ladd.importers.reading.safe_torch import is_pickle, read_torch
from workers.ladd.importers.reading.safetensors_errors import safetensors_errors
from workers.ladd.labeler.network import NetworkSpec

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_named_tensors(path: Path) -> dict[str, Tensor]:
    """Return {name: tensor} of safetensors, or of a `.pt` with a state dict, alone or as its member `state_dict`.

    Raises ImportRejected with rule `named_tensors` or those of `importers.safe_torch`.
    """
    if container_of(path) == "zip" or is_pickle_not_safetensors(path):
        content = read_torch(path)
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            content = content["state_dict"]
    else:
        content = read_safetensors(path)
    if not isinstance(content, Mapping) or not content:
        raise rejected(path.name, "named_tensors", type(content).__name__, "expected tensors by name, a state dict")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            found = f"{name}: {type(tensor).__name__}"
            raise rejected(path.name, "named_tensors", found, "a state dict holds tensors by name only")
    return dict(content)


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
