"""The list of operators, and the arguments that a graph may give them."""

from typing import Any

import pytest
import torch

from workers.ladd.labeler.graph import GraphNetwork, UnknownOperatorError, function_of, scalar_dtype
from workers.ladd.labeler.operators import OPERATORS


def graph(*nodes: dict[str, Any], batch: int | None = None) -> dict[str, Any]:
    return {"input": "x", "batch": batch, "size": None, "nodes": list(nodes), "output": "y"}


def node(target: str, argument: Any, *more: Any) -> dict[str, Any]:
    inputs = [{"name": "", "arg": entry, "kind": 1} for entry in (argument, *more)]
    return {"target": f"torch.ops.aten.{target}", "inputs": inputs, "outputs": [{"as_tensor": {"name": "y"}}]}


X = {"as_tensor": {"name": "x"}}


def test_every_operator_on_the_list_exists() -> None:
    for operator in sorted(OPERATORS):
        packet = getattr(torch.ops.aten, operator)
        schemas = {name: getattr(packet, name)._schema for name in packet.overloads()}
        plain = [name for name, schema in schemas.items() if not any(a.is_out for a in schema.arguments)]
        assert plain
        assert all(callable(function_of(f"torch.ops.aten.{operator}.{name}")) for name in plain)


@pytest.mark.parametrize("target", ["torch.ops.aten.add.out", "torch.ops.aten.mean.dtype_out"])
def test_no_operator_writes_into_another_tensor(target: str) -> None:
    with pytest.raises(UnknownOperatorError, match=target):
        function_of(target)


def test_no_operator_on_the_list_reads_files_or_leaves_its_tensors() -> None:
    assert not OPERATORS & {"from_file", "as_strided", "as_strided_", "set_", "resize_", "_resize_output_", "empty"}
    assert not any(name.startswith(("_unsafe", "native", "_native", "rand", "_cudnn", "_mps")) for name in OPERATORS)


def test_operators_are_called_with_their_arguments() -> None:
    graph_network = GraphNetwork(graph(node("add.Tensor", X, {"as_tensor": {"name": "w"}})), {"w": torch.tensor(2.0)})
    images = torch.randn(3, 1, 2, 2)
    assert torch.equal(graph_network(images), images + 2)


@pytest.mark.parametrize("argument", [{"as_operator": "x"}, {"as_custom_obj": "x"}, {"as_graph": {}}])
def test_other_kinds_of_arguments_are_refused(argument: dict[str, Any]) -> None:
    graph_network = GraphNetwork(graph(node("relu.default", argument)), {})
    with pytest.raises(UnknownOperatorError, match="is not read"):
        graph_network(torch.zeros(1, 1, 2, 2))


def test_unknown_scalar_types_are_refused() -> None:
    assert scalar_dtype(7) == torch.float32
    with pytest.raises(UnknownOperatorError, match="99"):
        scalar_dtype(99)
