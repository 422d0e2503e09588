"""Networks from elsewhere: graphs that name, claim or compute what they must not, and models that do not exist."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import exported, npy, valid, zipped

Document = Any


def changed(change: Callable[[Document], None]) -> bytes:
    """Return the small network's file with its graph changed."""
    return _rewritten("models/model.json", change)


def _rewritten(member: str, change: Callable[[Document], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(exported(4))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith(member))
    document = json.loads(members[name])
    change(document)
    return zipped({**members, name: json.dumps(document).encode()})


def _member(name: str, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(exported(4))) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    full = next((n for n in members if n.endswith(name)), f"{next(iter(members)).partition('/')[0]}/{name}")
    return zipped({**members, full: data})


def _graph(document: Document) -> Document:
    return document["graph_module"]["graph"]


def _node(target: str, *arguments: Any, output: str = "extra") -> Document:
    inputs = [{"name": f"a{n}", "arg": argument, "kind": 1} for n, argument in enumerate(arguments)]
    return {"target": target, "inputs": inputs, "outputs": [{"as_tensor": {"name": output}}], "metadata": {}}


def _with(*nodes: Document, answer: bool = True) -> Callable[[Document], None]:
    """Put nodes before the others; the last one's output is the network's, unless not."""

    def change(document: Document) -> None:
        _graph(document)["nodes"] = [*nodes, *_graph(document)["nodes"]]
        if answer:
            document["graph_module"]["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"] = (
                "extra"
            )

    return change


def _on_sizes(target: str, *arguments: Document) -> Document:
    return {**_node(target, *arguments), "outputs": [{"as_sym_int": {"as_name": "s"}}]}


def _with_size(*operations: tuple[str, int]) -> Callable[[Document], None]:
    """Compute with sizes: s = the side, then s = s op s as often as said."""
    image = {"as_tensor": {"name": "IMAGE"}}
    nodes = [_on_sizes("torch.ops.aten.sym_size.int", image, {"as_int": 2})]
    for target, times in operations:
        nodes += [_on_sizes(target, *[{"as_sym_int": {"as_name": "s"}}] * 2)] * times

    def change(document: Document) -> None:
        specs = document["graph_module"]["signature"]["input_specs"]
        image = next(s["user_input"]["arg"]["as_tensor"]["name"] for s in specs if "user_input" in s)
        text = json.dumps(nodes).replace("IMAGE", image)
        _graph(document)["nodes"] = [*json.loads(text), *_graph(document)["nodes"]]

    return change


def _set(value: Any, *path: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


INTS = {"as_ints": [10**6, 10**6]}
GRAPHS: dict[str, Callable[[Document], None]] = {
    "unknown operator": _with(_node("torch.ops.aten.from_file.default", {"as_string": "/etc/passwd"})),
    "Python's open": _with(_node("builtins.open", {"as_string": "ran"})),
    "another library": _with(_node("torch.ops.mkldnn._linear_pointwise.default")),
    "an attribute of the module": _with(_node("torch.ops.aten.__class__.default")),
    "_operator.pow": _with(_node("_operator.pow", {"as_int": 9}, {"as_int": 10**9})),
    "as_strided": _with(_node("torch.ops.aten.as_strided.default", {"as_tensor": {"name": "x"}}, INTS, INTS)),
    "an output given": _with(
        _node("torch.ops.aten.add.out", {"as_tensor": {"name": "x"}}, {"as_tensor": {"name": "x"}})
    ),
    "4 TB of ones": _with(_node("torch.ops.aten.ones.default", INTS)),
    "2^62 of ones": _with(_node("torch.ops.aten.ones.default", {"as_ints": [2**62]})),
    "-1 of ones": _with(_node("torch.ops.aten.ones.default", {"as_ints": [-1]})),
    "2^70 of ones": _with(_node("torch.ops.aten.ones.default", {"as_ints": [2**70]})),
    "a value never made": _with(_node("torch.ops.aten.relu.default", {"as_tensor": {"name": "nobody"}})),
    "an argument of the wrong kind": _with(_node("torch.ops.aten.relu.default", {"as_int": 1})),
    "an argument of an unknown kind": _with(_node("torch.ops.aten.relu.default", {"as_graph": {}})),
    "an argument of two kinds": _with(_node("torch.ops.aten.relu.default", {"as_int": 1, "as_float": 2.0})),
    "an argument that is a list": _with(_node("torch.ops.aten.relu.default", [1])),
    "an argument that is text": _with(_node("torch.ops.aten.relu.default", "x")),
    "no arguments": _with(_node("torch.ops.aten.relu.default")),
    "two outputs for one": _with(
        {**_node("torch.ops.aten.ones.default", {"as_ints": [1]}), "outputs": [{"as_tensor": {"name": "a"}}] * 2}
    ),
    "an output of an unknown kind": _with(
        {**_node("torch.ops.aten.ones.default", {"as_ints": [1]}), "outputs": [{"as_float": "x"}]}
    ),
    "outputs that are a number": _with({**_node("torch.ops.aten.ones.default", {"as_ints": [1]}), "outputs": 7}),
    "sizes squared 60 times": _with_size(("_operator.mul", 60)),
    "sizes that are divided by 0": _with_size(("_operator.sub", 1), ("_operator.floordiv", 1)),
    "sizes 2^63": _with_size(("_operator.mul", 4)),
    "schema 7": _set({"major": 7, "minor": 0}, "schema_version"),
    "schema text": _set("8", "schema_version"),
    "no graph": _set(None, "graph_module"),
    "nodes a number": _set(7, "graph_module", "graph", "nodes"),
    "nodes of numbers": _set([1, 2], "graph_module", "graph", "nodes"),
    "target a number": _set([{"target": 7, "inputs": [], "outputs": []}], "graph_module", "graph", "nodes"),
    "no nodes": _set([], "graph_module", "graph", "nodes"),
    "no output": _set([], "graph_module", "signature", "output_specs"),
    "inputs a dict": _set({}, "graph_module", "signature", "input_specs"),
    "an input of two kinds": _set([{"a": 1, "b": 2}], "graph_module", "signature", "input_specs"),
    "tensor values a list": _set([], "graph_module", "graph", "tensor_values"),
    "a list": lambda document: document.clear(),
}


def _weights(change: Callable[[Document], None]) -> Callable[[], bytes]:
    def first(document: Document) -> None:
        change(next(iter(document["config"].values())))

    return lambda: _rewritten("data/weights/model_weights_config.json", first)


CLAIMS: dict[str, Callable[[], bytes]] = {
    "path ../../models/model.json": _weights(_set("../../models/model.json", "path_name")),
    "path /etc/passwd": _weights(_set("/etc/passwd", "path_name")),
    "path a number": _weights(_set(7, "path_name")),
    "pickled": _weights(_set(True, "use_pickle")),
    "sizes 2^62": _weights(_set([{"as_int": 2**62}], "tensor_meta", "sizes")),
    "sizes 2^70": _weights(_set([{"as_int": 2**70}], "tensor_meta", "sizes")),
    "sizes negative": _weights(_set([{"as_int": -1}], "tensor_meta", "sizes")),
    "sizes text": _weights(_set([{"as_int": "9"}], "tensor_meta", "sizes")),
    "strides 0": _weights(_set([{"as_int": 0}] * 4, "tensor_meta", "strides")),
    "strides 2^62": _weights(_set([{"as_int": 2**62}] * 4, "tensor_meta", "strides")),
    "offset 2^62": _weights(_set({"as_int": 2**62}, "tensor_meta", "storage_offset")),
    "dtype 99": _weights(_set(99, "tensor_meta", "dtype")),
    "dtype a list": _weights(_set([], "tensor_meta", "dtype")),
    "no meta": _weights(_set(None, "tensor_meta")),
    "weights of 3 bytes": lambda: _member("data/weights/weight_0", b"123"),
    "weights of no bytes": lambda: _member("data/weights/weight_0", b""),
    "weights of NaN": lambda: _member("data/weights/weight_0", b"\xff" * 432),
    "index not JSON": lambda: _member("model_weights_config.json", b"{"),
    "index a list": lambda: _member("model_weights_config.json", b"[]"),
    "graph of brackets": lambda: _member("models/model.json", b"[" * 10**6),
    "graph of a huge number": lambda: _member("models/model.json", b"9" * 10**6),
    "graph not UTF-8": lambda: _member("models/model.json", b'"\xff"'),
    "graph of NaN": lambda: _member("models/model.json", b"NaN"),
    "TorchScript": lambda: _member("code/__torch__.py", b"x"),
    "two top folders": lambda: zipped({"a/models/model.json": b"{}", "b/models/model.json": b"{}"}),
    "no folder": lambda: zipped({"model.json": b"{}"}),
    "deflated": lambda: _deflated(exported(4)),
    "bomb as graph": lambda: zipped({"a/models/model.json": b" " * (100 << 20)}, zipfile.ZIP_DEFLATED),
    "not a zip": lambda: b"not a zip",
}


def _deflated(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist()}, zipfile.ZIP_DEFLATED)


def _twice(folder: Path) -> None:
    for name in ("a.pt2", "b.pt2"):
        (folder / name).write_bytes(exported(6))


def labeler_cases() -> Iterator[Case]:
    """Yield graphs and claims for both kinds that read them, then what only one kind can be asked."""
    for what, change in GRAPHS.items():
        yield Case(f"graph {what}", "labeler:exported", lazily(lambda c: {"network.pt2": changed(c)}, change))
    for what, make in CLAIMS.items():
        yield Case(
            f"program {what}",
            "labeler:exported",
            lazily(lambda m: {"network.pt2": m()}, make),
            readable=what == "strides 0",
        )
        files = lazily(lambda m: {"encoder.pt2": m(), "classes.npy": npy(_ones(4, 4))}, make)
        yield Case(f"encoder {what}", "labeler:zero_shot", files, readable=what == "strides 0")
    shapes = {"one class fewer": _ones(3, 6), "one axis": _ones(6), "integers": _ones(4, 6).astype(int)}
    for what, array in shapes.items():
        files = lazily(lambda a: {"encoder.pt2": exported(6), "classes.npy": npy(a)}, array)
        yield Case(f"embeddings of {what}", "labeler:zero_shot", files, frozenset({"class_embeddings"}))
    nan = lazily(lambda: {"encoder.pt2": exported(6), "classes.npy": npy(_ones(4, 6) * float("nan"))})
    yield Case("embeddings of NaN", "labeler:zero_shot", nan, frozenset({"finite_values"}))
    yield Case("two encoders", "labeler:zero_shot", _twice, frozenset({"encoder_and_embeddings"}))
    for model in ("no_such_model", "../resnet18", "__import__('os')", "x" * 10_000, "", "\ud800"):
        yield Case(
            f"torchvision model {ascii(model)[:20]}",
            "labeler:torchvision",
            lambda folder: None,
            frozenset({"known_model"}),
            options={"model": model, "class_names": ["ant"]},
        )
    unknown = {"model": "resnet18", "class_names": ["no such class", "\ud800"]}
    yield Case(
        "torchvision classes",
        "labeler:torchvision",
        lambda folder: None,
        frozenset({"class_map_is_given"}),
        options=unknown,
    )
    replay = {"trajectory": 9, "checkpoint_epochs": None}
    for what, options in (("trajectory 9", replay), ("epoch 99", {"trajectory": 0, "checkpoint_epochs": [99]})):
        yield Case(
            f"replay buffer {what}",
            "labeler:replay_buffer",
            lazily(lambda: valid("labeler:replay_buffer")),
            options=options,
        )


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)
