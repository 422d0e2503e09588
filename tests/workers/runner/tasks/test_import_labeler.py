"""A network that was trained elsewhere becomes checkpoints with a row each, and its outputs' order is checked."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from api_schemas.labelers import LabelerEpoch
from api_schemas.runner import RunnerTask, TaskType
from workers.ladd.engine.inference import predict
from workers.ladd.importers import ImportRejected
from workers.ladd.models import build_model
from workers.runner.reporter import Reporter
from workers.runner.tasks.import_labeler import run

SHAPE = {"num_classes": 4, "channels": 3, "size": 16}
STATISTICS: dict[str, list[float]] = {"mean": [0.5] * 3, "std": [0.25] * 3}
SWAPPED = [2, 3, 1, 0]


@pytest.fixture
def task(tmp_path: Path) -> RunnerTask:
    """Weights for four classes, and a val split that they label without a mistake."""
    for folder in ("inputs", "outputs"):
        (tmp_path / folder).mkdir()
    network = build_model("ConvNetD3", seed=3, **SHAPE)
    save_file(network.state_dict(), tmp_path / "inputs" / "file_000")
    images = np.random.default_rng(0).integers(0, 256, (100, 16, 16, 3), dtype=np.uint8)
    images[:, :, :, 0] = np.repeat(np.arange(100) % 7 * 36, 256).reshape(100, 16, 16)
    logits = predict(network.eval(), torch.from_numpy(images), STATISTICS["mean"], STATISTICS["std"], "cpu")
    np.save(tmp_path / "inputs" / "val_images.npy", images)
    np.save(tmp_path / "inputs" / "val_labels.npy", logits.argmax(dim=1).numpy())
    params = {
        "metadata": {
            "kind": "weights",
            "name": "mine",
            "source_dataset": "ds_" + "0" * 26,
            "architecture": "ConvNetD3",
            "normalization": None,
            "class_map": None,
        },
        "files": {"file_000": "mine.safetensors"},
        "class_names": ["ant", "bee", "cat", "dog"],
        **SHAPE,
        **STATISTICS,
    }
    inputs = {
        "uploads": {"file_000": "inputs/file_000"},
        "source": {f"val_{what}.npy": f"inputs/val_{what}.npy" for what in ("images", "labels")},
    }
    return RunnerTask(type=TaskType.IMPORT_LABELER, params=params, inputs=inputs, documents={}, device="cpu", threads=1)


def events_of(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_weights_are_stored_and_tested_on_val(task: RunnerTask, tmp_path: Path) -> None:
    done = run(task, tmp_path, Reporter(io.BytesIO()))
    assert done.files == ["epoch_001.safetensors"]
    stored = load_file(tmp_path / "outputs" / "epoch_001.safetensors")
    sent = load_file(tmp_path / "inputs" / "file_000")
    assert all(torch.equal(stored[name], tensor) for name, tensor in sent.items())
    [row] = [LabelerEpoch.model_validate(row) for row in done.result["epochs"]]
    assert (row.epoch, row.val_accuracy, row.train_loss) == (1, 100.0, None)
    assert done.result["warnings"] == []
    assert done.result["forward_flops"] > 0


def test_outputs_in_another_order_are_named_and_not_reordered(task: RunnerTask, tmp_path: Path) -> None:
    labels = np.load(tmp_path / "inputs" / "val_labels.npy")
    assert len(np.unique(labels)) == 4
    np.save(tmp_path / "inputs" / "val_labels.npy", np.argsort(SWAPPED)[labels])
    stream = io.BytesIO()
    done = run(task, tmp_path, Reporter(stream))
    [warning] = done.result["warnings"]
    assert str(SWAPPED) in warning
    assert "0 (ant) as 2 (cat)" in warning
    assert done.result["class_map"] is None
    assert done.result["epochs"][0]["val_accuracy"] < 50
    assert [event["message"] for event in events_of(stream) if event["event"] == "log"] == [warning]


def test_a_class_map_settles_it(task: RunnerTask, tmp_path: Path) -> None:
    labels = np.load(tmp_path / "inputs" / "val_labels.npy")
    np.save(tmp_path / "inputs" / "val_labels.npy", np.argsort(SWAPPED)[labels])
    task.params["metadata"]["class_map"] = SWAPPED
    done = run(task, tmp_path, Reporter(io.BytesIO()))
    assert (done.result["epochs"][0]["val_accuracy"], done.result["warnings"]) == (100.0, [])


def test_weights_of_another_network_are_refused(task: RunnerTask, tmp_path: Path) -> None:
    task.params["metadata"]["architecture"] = "AlexNet"
    with pytest.raises(ImportRejected, match=r"mine\.safetensors: these are not the weights of AlexNet"):
        run(task, tmp_path, Reporter(io.BytesIO()))
