"""An exported network computes what it did, and a file that would do anything else is refused."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from workers.ladd.importers.labelers import ImportedNetwork
from workers.ladd.labeler.graph import GraphNetwork
from workers.ladd.models import build_model


def network_of_graph(imported: ImportedNetwork) -> GraphNetwork:
    """Through JSON, as it is stored."""
    return GraphNetwork(json.loads(json.dumps(imported.graph)), imported.checkpoints[1])


def node_with(document: Any, operator: str) -> Any:
    nodes = document["graph_module"]["graph"]["nodes"]
    return next(node for node in nodes if operator in node["target"])


@pytest.mark.parametrize("images", [1, 2, 5])
def test_it_computes_what_the_network_does(read: Any, small: nn.Module, small_pt2: Path, images: int) -> None:
    graph_network = network_of_graph(read("exported", small_pt2))
    given = torch.randn(images, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(graph_network(given), small(given))


def test_a_graph_for_one_batch_size_takes_any(read: Any, export: Any, tmp_path: Path) -> None:
    network = build_model("ViT", num_classes=4, channels=3, size=32, seed=0).eval()
    graph_network = network_of_graph(read("exported", export(tmp_path, network, batch=2, size=32)))
    given = torch.randn(3, 3, 32, 32)  # not a multiple of the batch size that the graph takes
    with torch.inference_mode():
        torch.testing.assert_close(graph_network(given), network(given))


def test_images_are_resized_to_what_the_graph_takes(read: Any, small: nn.Module, small_pt2: Path) -> None:
    graph_network = network_of_graph(read("exported", small_pt2))
    given = torch.randn(2, 3, 24, 24)
    expected = torch.nn.functional.interpolate(given, (16, 16), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        assert torch.equal(graph_network(given), small(expected))


class Launcher:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_members_are_not_unpickled(read: Any, rewritten: Any, small_pt2: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small_pt2) as archive:
        samples = [name.partition("/")[2] for name in archive.namelist() if "sample_inputs" in name]
    assert samples  # torch.export.load would unpickle them
    launched = tmp_path / "launched"
    hostile = pickle.dumps(Launcher(launched))
    changed = rewritten(members=dict.fromkeys(samples, hostile))
    network_of_graph(read("exported", changed))
    assert not launched.exists()
    pickle.loads(hostile)
    assert launched.exists()


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.as_strided.default",
        "torch.ops.aten.set_.source_Tensor",
        "torch.ops.aten.relu_.nonsense",
        "torch.ops.aten.relu_.__call__",
        "torch.ops.custom.relu.default",
        "torch.load",
        "_operator.attrgetter",
        "os.system",
        "",
    ],
)
def test_operators_that_are_not_on_the_list_are_refused(refused: Any, rewritten: Any, target: str) -> None:
    def change(document: Any) -> None:
        node_with(document, "relu")["target"] = target

    reason = refused("exported", rewritten(change))
    assert (reason.location, reason.rule, reason.value) == ("changed.pt2", "known_operators", target)


def test_a_network_in_training_mode_is_refused(refused: Any, export: Any, small: nn.Module, tmp_path: Path) -> None:
    small.train()
    try:
        path = export(tmp_path, small)
    finally:
        small.eval()
    reason = refused("exported", path)
    assert reason.rule in ("exported_in_eval_mode", "one_output")


def changed_schema(document: Any) -> None:
    document["schema_version"]["major"] = 9


def two_outputs(document: Any) -> None:
    document["graph_module"]["signature"]["output_specs"] *= 2


def no_graph(document: Any) -> None:
    del document["graph_module"]


def nodes_of_another_kind(document: Any) -> None:
    document["graph_module"]["graph"]["nodes"] = ["relu"]


def a_custom_object(document: Any) -> None:
    specs = document["graph_module"]["signature"]["input_specs"]
    specs[0] = {"custom_obj": {"arg": {"name": "obj", "class_fqn": "os"}, "custom_obj_name": "obj"}}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (changed_schema, "known_schema"),
        (two_outputs, "one_output"),
        (no_graph, "exported_graph"),
        (nodes_of_another_kind, "exported_graph"),
        (a_custom_object, "plain_tensors"),
    ],
)
def test_other_graphs_are_refused(refused: Any, rewritten: Any, change: Callable[[Any], None], rule: str) -> None:
    assert refused("exported", rewritten(change)).rule == rule


CONFIG = "data/weights/model_weights_config.json"


def weights_config(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(CONFIG)]
        return json.loads(archive.read(name))


def test_a_pickled_weight_is_refused(refused: Any, rewritten: Any, small_pt2: Path) -> None:
    config = weights_config(small_pt2)
    config["config"]["head.weight"]["use_pickle"] = True
    reason = refused("exported", rewritten(members={CONFIG: json.dumps(config).encode()}))
    assert reason.rule == "plain_tensors"


@pytest.mark.parametrize(("sizes", "strides"), [([4, 8], [800, 100]), ([4, 4000], [0, 0]), ([-4, 8], [8, 1])])
def test_a_weight_that_reaches_beyond_its_bytes_is_refused(
    refused: Any, rewritten: Any, small_pt2: Path, sizes: list[int], strides: list[int]
) -> None:
    config = weights_config(small_pt2)
    meta = config["config"]["head.weight"]["tensor_meta"]
    meta["sizes"] = [{"as_int": size} for size in sizes]
    meta["strides"] = [{"as_int": stride} for stride in strides]
    reason = refused("exported", rewritten(members={CONFIG: json.dumps(config).encode()}))
    assert reason.rule in ("exported_graph", "tensor_fits_storage")


def test_a_weight_that_is_not_a_number_is_refused(refused: Any, rewritten: Any, small_pt2: Path) -> None:
    entry = weights_config(small_pt2)["config"]["head.bias"]
    broken = torch.full((4,), torch.nan).numpy().tobytes()
    reason = refused("exported", rewritten(members={f"data/weights/{entry['path_name']}": broken}))
    assert reason.rule == "finite_values"


def test_a_file_that_lacks_a_weight_is_refused(refused: Any, rewritten: Any, small_pt2: Path) -> None:
    entry = weights_config(small_pt2)["config"]["head.bias"]
    reason = refused("exported", rewritten(members={f"data/weights/{entry['path_name']}": None}))
    assert reason.rule == "exported_graph"


def test_torchscript_is_refused_plainly(refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("data.pkl", "code/__torch__.py", "constants.pkl", "version"):
            archive.writestr(f"script/{member}", b"x")
    reason = refused("exported", path)
    assert (reason.rule, reason.value) == ("exported_graph", "TorchScript")
    assert "torch.export" in reason.message


@pytest.mark.parametrize("content", [b"nothing", b"PK nothing", b"\x80\x04."])
def test_what_is_no_export_is_refused(refused: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "network.pt2"
    path.write_bytes(content)
    assert refused("exported", path).rule == "exported_graph"


def test_the_number_of_channels_must_be_that_of_the_set(refused: Any, small_pt2: Path) -> None:
    reason = refused("exported", small_pt2, channels=1)
    assert reason.rule == "one_image_tensor"
    assert "[B, 1, H, W]" in reason.message
