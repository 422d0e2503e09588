"""Runs the graph of an exported network operator by operator; nothing that the graph names is looked up elsewhere.

The graph is that of `torch.export` (schema 8, `torch/_export/serde/schema.py`) in a reduced form: `input` (its name),
`batch` (the one batch size it takes, null: any), `size` (the one side in pixels, null: any), `nodes` and `output`. A
node has `target`, `inputs` [{name, arg, kind}] and `outputs`; an argument is a mapping of one member such as
{"as_tensor": {"name": "x"}} or {"as_ints": [1, 1]}.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.ladd.labeler.operators import OPERATORS

KEYWORD = 2
"""`ArgumentKind.KEYWORD` of the schema; older files leave the kind out of positional arguments."""

_ATEN = re.compile(r"torch\.ops\.aten\.([a-z_0-9]+)\.([A-Za-z_0-9]+)")
_ON_SIZES: dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
}
"""Operators on sizes in a graph for any batch size."""
_LARGEST_SIZE = 2**63 - 1

_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
"""`ScalarType` of the schema."""
_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
"""`MemoryFormat` of the schema."""
_PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string")


class UnknownOperatorError(ValueError):
    """A graph names something that is not among `OPERATORS`, or an argument of a kind that none of them takes."""


def function_of(target: str) -> Callable[..., Any]:
    """Return the function a node calls; raises UnknownOperatorError."""
    if target in _ON_SIZES:
        return _ON_SIZES[target]
    match = _ATEN.fullmatch(target)
    if match is not None and match[1] in OPERATORS:
        function = getattr(getattr(torch.ops.aten, match[1], None), match[2], None)
        if isinstance(function, torch._ops.OpOverload) and not any(a.is_out for a in function._schema.arguments):
            return function
    raise UnknownOperatorError(f"{target} is not an operator that is run for others")


def scalar_dtype(code: int) -> torch.dtype:
    """Return the dtype of a `ScalarType`; raises UnknownOperatorError."""
    if code not in _DTYPES:
        raise UnknownOperatorError(f"scalar type {code} is not known")
    return _DTYPES[code]


class GraphNetwork(nn.Module):
    """The network of a graph with its tensors by name. Images [B, C, H, W] go in, one tensor [B, ...] comes out.

    Images are resized (bilinear) to the side that the graph takes, and cut or padded to its batch size.
    """

    def __init__(self, graph: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._graph = graph
        self._calls = [(function_of(node["target"]), node) for node in graph["nodes"]]
        self._names = list(tensors)
        for position, name in enumerate(self._names):
            self.register_buffer(f"tensor_{position}", tensors[name], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return what the graph gives for each image."""
        size, batch = self._graph["size"], self._graph["batch"]
        if size is not None and images.shape[2:] != (size, size):
            images = F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=False)
        if batch is None:
            return self._run(images)
        answers = []
        for part in torch.split(images, batch):
            padded = F.pad(part, (0, 0, 0, 0, 0, 0, 0, batch - len(part)))
            answers.append(self._run(padded)[: len(part)])
        return torch.cat(answers)

    def _run(self, images: Tensor) -> Tensor:
        values: dict[str, Any] = {
            name: getattr(self, f"tensor_{position}") for position, name in enumerate(self._names)
        }
        values[self._graph["input"]] = images
        for function, node in self._calls:
            positional = [_value(entry["arg"], values, images) for entry in node["inputs"] if not _is_keyword(entry)]
            named = {
                entry["name"]: _value(entry["arg"], values, images) for entry in node["inputs"] if _is_keyword(entry)
            }
            result = function(*positional, **named)
            if not node["outputs"]:  # a check
                continue
            if len(node["outputs"]) == 1:
                result = (result,)
            for output, value in zip(node["outputs"], result, strict=True):
                _bind(output, value, values)
        answer: Tensor = values[self._graph["output"]]
        return answer


def _is_keyword(entry: Mapping[str, Any]) -> bool:
    return entry.get("kind") == KEYWORD


def _value(argument: Mapping[str, Any], values: Mapping[str, Any], images: Tensor) -> Any:
    """Return the value of an argument; raises UnknownOperatorError for a kind that no operator here takes."""
    [(kind, content)] = argument.items()
    match kind:
        case "as_none":
            return None
        case "as_tensor":
            return values[content["name"]]
        case "as_tensors":
            return [values[entry["name"]] for entry in content]
        case "as_optional_tensors":
            return [_value(entry, values, images) for entry in content]
        case "as_sym_int":
            return _size(content, values)
        case "as_sym_ints":
            return [_size(entry, values) for entry in content]
        case "as_scalar_type":
            return scalar_dtype(content)
        case "as_memory_format":
            return _MEMORY_FORMATS[content]
        case "as_layout":
            return torch.strided
        case "as_device":
            return images.device
        case _ if kind in _PLAIN:
            return content
    raise UnknownOperatorError(f"an argument of kind {kind} is not read")


def _size(content: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    [(kind, value)] = content.items()
    size: int = values[value] if kind == "as_name" else value
    return size


def _bind(output: Mapping[str, Any], value: Any, values: dict[str, Any]) -> None:
    [(kind, content)] = output.items()
    if kind == "as_tensors":
        values.update({entry["name"]: part for entry, part in zip(content, value, strict=True)})
    elif kind == "as_tensor":
        values[content["name"]] = value
    elif kind == "as_sym_int" and "as_name" in content:
        if abs(value) > _LARGEST_SIZE:  # Python's numbers grow without end, squared by a node each
            raise OverflowError("a size is larger than 64 bits can hold")
        values[content["as_name"]] = value
    else:
        raise UnknownOperatorError(f"an output of kind {kind} is not read")
