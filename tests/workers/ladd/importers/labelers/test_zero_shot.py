"""An image encoder and one embedding for each class."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from workers.ladd.labeler.network import load_network


@pytest.fixture
def embeddings() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(6, 4)).astype(np.float16)


def written(path: Path, embeddings: np.ndarray[Any, Any]) -> Path:
    if path.suffix == ".npy":
        np.save(path, embeddings)
    else:
        save_file({"text": torch.from_numpy(embeddings)}, path)
    return path


@pytest.mark.parametrize("name", ["classes.npy", "classes.safetensors"])
def test_logits_are_scaled_cosines(
    read: Any, spec_for: Any, small: nn.Module, small_pt2: Path, embeddings: Any, tmp_path: Path, name: str
) -> None:
    found = read("zero_shot", written(tmp_path / name, embeddings), small_pt2, num_classes=6)
    save_file(dict(found.checkpoints[1]), tmp_path / "weights")
    (tmp_path / "program").write_text(json.dumps(found.graph))
    network = load_network(spec_for("zero_shot", num_classes=6, scale=20.0), tmp_path / "weights", tmp_path / "program")
    images = torch.randn(3, 3, 16, 16)
    with torch.inference_mode():
        logits, features = network(images), small(images)
    cosines = F.cosine_similarity(features[:, None], torch.from_numpy(embeddings).float()[None], dim=2)
    torch.testing.assert_close(logits, 20 * cosines)


@pytest.mark.parametrize("files", [0, 1, 3])
def test_two_files_of_two_kinds_are_needed(
    refused: Any, small_pt2: Path, embeddings: Any, tmp_path: Path, files: int
) -> None:
    npy = written(tmp_path / "classes.npy", embeddings)
    sent = {0: [npy, npy], 1: [small_pt2, small_pt2], 3: [small_pt2, npy, npy]}[files]
    assert refused("zero_shot", *sent, num_classes=6).rule == "encoder_and_embeddings"


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((5, 4), np.float32), np.zeros(6, np.float32), np.zeros((6, 4), np.int64)],
    ids=["five classes", "a vector", "integers"],
)
def test_embeddings_must_be_one_vector_of_floats_a_class(
    refused: Any, small_pt2: Path, tmp_path: Path, wrong: Any
) -> None:
    path = written(tmp_path / "classes.npy", wrong)
    reason = refused("zero_shot", small_pt2, path, num_classes=6)
    assert (reason.location, reason.rule) == ("classes.npy", "class_embeddings")


def test_pickled_arrays_are_refused(refused: Any, small_pt2: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "classes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert refused("zero_shot", small_pt2, tmp_path / "classes.npy", num_classes=6).rule == "no_object_arrays"


def test_embeddings_among_several_tensors_need_their_name(
    read: Any, refused: Any, small_pt2: Path, embeddings: Any, tmp_path: Path
) -> None:
    several = {"class_embeddings": torch.from_numpy(embeddings), "bias": torch.zeros(6)}
    save_file(several, tmp_path / "named.safetensors")
    found = read("zero_shot", small_pt2, tmp_path / "named.safetensors", num_classes=6)
    assert tuple(found.checkpoints[1]["class_embeddings"].shape) == (6, 4)
    save_file({"text": several["bias"], "bias": torch.ones(6)}, tmp_path / "unnamed.safetensors")
    reason = refused("zero_shot", small_pt2, tmp_path / "unnamed.safetensors", num_classes=6)
    assert (reason.rule, reason.value) == ("class_embeddings", "bias, text")
