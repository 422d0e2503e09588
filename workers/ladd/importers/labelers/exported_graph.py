"""Reads the `.pt2` of `torch.export.save` without `torch.export.load`, which unpickles whatever the file holds.

The archive (schema 8, as torch 2.13 writes it) keeps its graph as JSON and its tensors as raw bytes. Both are read as
data, and every operator must be one of `labeler.operators`. Pickled members (example inputs, custom objects) are
left alone. The results are a graph in the reduced form of `workers.ladd.labeler.graph` and its tensors.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workers.ladd.importers.labelers.imported_network import ImportedNetwork
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import ImportRejected, rejected
from workers.ladd.importers.reading.safe_zip import open_zip
from workers.ladd.labeler.graph import UnknownOperatorError, function_of, scalar_dtype
from workers.ladd.labeler.network import NetworkSpec

SCHEMA = 8
JSON_BYTES = 64 * limits.MiB
"""Largest graph or index; that of ViT-B/16 has about 1 MB."""

_TENSORS = {
    "parameter": ("weights", "parameter_name"),
    "buffer": ("weights", "buffer_name"),
    "tensor_constant": ("constants", "tensor_constant_name"),
}
"""Kinds of graph inputs that are tensors of the file: the index they are in, and the member with their name there."""
_TRAINING = ("train", "training", "use_input_stats")
"""Arguments by which dropout, batch norm and instance norm know that they train."""


def read(files: Sequence[Path], spec: NetworkSpec, options: Mapping[str, Any]) -> ImportedNetwork:
    """Read a classifier from one `.pt2`. Raises ImportRejected as `read_graph` does."""
    [path] = files
    graph, tensors = read_graph(path, spec.channels)
    return ImportedNetwork({1: tensors}, graph)


def read_graph(path: Path, channels: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the graph and its tensors, for images [B, channels, H, W].

    Raises ImportRejected with rule `exported_graph` (its layout), `known_schema`, `known_operators`,
    `exported_in_eval_mode`, `one_image_tensor`, `one_output`, `plain_tensors`, `tensor_fits_storage`, `finite_values`
    or one of the zip rules.
    """
    if container_of(path) != "zip":
        raise rejected(path.name, "exported_graph", None, "not a .pt2, the zip that torch.export.save writes")
    with open_zip(path) as archive:
        names = archive.namelist()
        if any(name.endswith("/code/__torch__.py") or "/code/__torch__/" in name for name in names):
            raise rejected(
                path.name,
                "exported_graph",
                "TorchScript",
                "TorchScript is not read, since loading it runs it; export the network with torch.export",
            )
        top = {name.partition("/")[0] for name in names}
        if len(top) != 1 or f"{min(top)}/models/model.json" not in names:
            raise rejected(
                path.name, "exported_graph", ", ".join(sorted(names)[:3]), "the zip has no models/model.json"
            )
        deflated = next((name for name in names if archive.getinfo(name).compress_type != zipfile.ZIP_STORED), None)
        if deflated is not None:
            message = "torch.export.save stores members without compression"
            raise rejected(path.name, "exported_graph", deflated, message)
        return _Reading(path.name, archive, min(top), channels).result()


@dataclass(frozen=True)
class _Reading:
    """One file on its way to a graph and tensors; its members lie below the folder `top`."""

    location: str
    archive: zipfile.ZipFile
    top: str
    channels: int

    def result(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the reduced graph and its tensors by the names that it has for them."""
        document = self._json_of("models/model.json")
        try:
            version = document["schema_version"]["major"]
            if version != SCHEMA:
                raise self._refused(
                    "known_schema", version, f"its schema is {version}; {SCHEMA} is read (torch 2.13 writes it)"
                )
            module = document["graph_module"]
            graph, signature = module["graph"], module["signature"]
            tensors, image = self._inputs(signature["input_specs"])
            nodes = [self._node(node) for node in graph["nodes"]]
            batch, size = self._image_shape(graph["tensor_values"][image]["sizes"])
            output = self._output(signature["output_specs"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise self._refused("exported_graph", error, f"not a graph that torch.export writes: {error!r}") from error
        return {"input": image, "batch": batch, "size": size, "nodes": nodes, "output": output}, tensors

    def _bytes_of(self, member: str) -> bytes:
        try:
            return self.archive.read(f"{self.top}/{member}")
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise rejected(f"{self.location}/{member}", "exported_graph", error, f"cannot be read: {error}") from error

    def _json_of(self, member: str) -> Any:
        location = f"{self.location}/{member}"
        content = self._bytes_of(member)
        if len(content) > JSON_BYTES:
            message = f"{member} may have {JSON_BYTES} bytes"
            raise rejected(location, "exported_graph", f"{len(content)} bytes", message)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise rejected(location, "exported_graph", error, f"not JSON: {error}") from error

    def _refused(self, rule: str, value: object, message: str) -> ImportRejected:
        return rejected(self.location, rule, value, message)

    def _inputs(self, specs: list[dict[str, Any]]) -> tuple[dict[str, Tensor], str]:
        indexes = {
            "weights": self._json_of("data/weights/model_weights_config.json")["config"],
            "constants": self._json_of("data/constants/model_constants_config.json")["config"],
        }
        tensors: dict[str, Tensor] = {}
        images = []
        for spec in specs:
            [(kind, content)] = spec.items()
            if kind in _TENSORS:
                where, member = _TENSORS[kind]
                # A buffer that is not saved with the state dict is kept as a constant.
                name = content[member]
                where = where if name in indexes[where] else "constants"
                tensors[content["arg"]["name"]] = self._tensor(where, name, indexes[where][name])
            elif kind == "user_input" and "as_tensor" in content["arg"]:
                images.append(content["arg"]["as_tensor"]["name"])
            else:
                raise self._refused("plain_tensors", kind, f"an input of kind {kind} is not read")
        if len(images) != 1:
            raise self._refused("one_image_tensor", len(images), f"the network takes {len(images)} tensors, not one")
        return tensors, images[0]

    def _tensor(self, where: str, name: str, entry: Mapping[str, Any]) -> Tensor:
        meta = entry["tensor_meta"]
        if entry["use_pickle"] or meta is None:
            raise self._refused("plain_tensors", name, f"{name} is pickled; only plain tensors are read")
        content = self._bytes_of(f"data/{where}/{entry['path_name']}")
        sizes, strides = ([_whole(number) for number in meta[field]] for field in ("sizes", "strides"))
        flat = torch.frombuffer(bytearray(content), dtype=scalar_dtype(meta["dtype"])) if content else torch.empty(0)
        # Refused by torch where it reaches beyond the stored bytes.
        tensor = flat.as_strided(sizes, strides, _whole(meta["storage_offset"]))
        if tensor.numel() > flat.numel():
            message = f"{name} claims {tensor.numel()} elements, the file stores {flat.numel()} of them"
            raise self._refused("tensor_fits_storage", tensor.numel(), message)
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise self._refused("finite_values", name, f"{name} holds a value that is not a finite number")
        return tensor.contiguous().clone()

    def _node(self, node: dict[str, Any]) -> dict[str, Any]:
        target = node["target"]
        try:
            function_of(target)
        except UnknownOperatorError as error:
            raise self._refused("known_operators", target, str(error)) from error
        for entry in node["inputs"]:
            if entry["name"] in _TRAINING and entry["arg"].get("as_bool"):
                message = f"{target} was exported in training mode; call eval() before torch.export"
                raise self._refused("exported_in_eval_mode", target, message)
        return {"target": target, "inputs": node["inputs"], "outputs": node["outputs"]}

    def _image_shape(self, sizes: list[dict[str, Any]]) -> tuple[int | None, int | None]:
        """Return the batch size and the side that the graph takes, None for one that may be anything."""
        shape = [size.get("as_int") for size in sizes]
        if len(shape) != 4 or shape[1] != self.channels or shape[2] != shape[3]:
            message = f"the network takes {shape}, not square images [B, {self.channels}, H, W]"
            raise self._refused("one_image_tensor", shape, message)
        return shape[0], shape[2]

    def _output(self, specs: list[dict[str, Any]]) -> str:
        names = [spec["user_output"]["arg"]["as_tensor"]["name"] for spec in specs if "user_output" in spec]
        if len(names) != 1 or len(specs) != 1:
            kinds = ", ".join(kind for spec in specs for kind in spec)
            raise self._refused("one_output", kinds, "the network must give one tensor and change nothing else")
        return str(names[0])


def _whole(number: Mapping[str, Any]) -> int:
    value = number["as_int"]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"a size must be a whole number, got {value!r}")
    return value
