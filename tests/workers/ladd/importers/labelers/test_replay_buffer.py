"""MTT's trajectories: lists of lists of parameters, without names."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from workers.ladd.models import build_model

EPOCHS = 25


def parameters(seed: int) -> list[Tensor]:
    return [p.detach() for p in build_model("ConvNetD3", num_classes=4, channels=3, size=16, seed=seed).parameters()]


@pytest.fixture(scope="module")
def buffer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trajectories of 25 epochs, as MTT's `buffer.py` writes them; seeds tell the entries apart."""
    path = tmp_path_factory.mktemp("buffer") / "replay_buffer_0.pt"
    torch.save([[parameters(100 * number + epoch) for epoch in range(EPOCHS + 1)] for number in range(2)], path)
    return path


def options(**given: Any) -> dict[str, Any]:
    return {"trajectory": 0, "checkpoint_epochs": None} | given


def test_every_tenth_epoch_and_the_last_are_taken(read: Any, buffer: Path) -> None:
    found = read("replay_buffer", buffer, options=options(trajectory=1))
    assert list(found.checkpoints) == [10, 20, 25]
    expected = build_model("ConvNetD3", num_classes=4, channels=3, size=16, seed=120).state_dict()
    assert set(found.checkpoints[20]) == set(expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.checkpoints[20].items())


def test_epochs_can_be_chosen(read: Any, buffer: Path) -> None:
    found = read("replay_buffer", buffer, options=options(checkpoint_epochs=[7, 3, 7]))
    assert list(found.checkpoints) == [3, 7]


def test_a_buffer_of_mnist_is_taken(read: Any, tmp_path: Path) -> None:
    """The shapes of MTT's ConvNet for 28 px of one channel, whose last map is 4 x 4 as at 32 px."""
    shapes: list[tuple[int, ...]] = []
    for channels in (1, 128, 128):
        shapes += [(128, channels, 3, 3), (128,), (128,), (128,)]
    shapes += [(10, 2048), (10,)]
    path = tmp_path / "replay_buffer_0.pt"
    torch.save([[[torch.zeros(shape) for shape in shapes]] * 2], path)
    found = read("replay_buffer", path, options=options(), num_classes=10, channels=1, size=28)
    assert found.checkpoints[1]["classifier.weight"].shape == (10, 2048)


@pytest.mark.parametrize(
    ("given", "changed", "location", "rule"),
    [
        ({"trajectory": 2}, {}, "metadata.trajectory", "trajectory_exists"),
        ({"checkpoint_epochs": [26]}, {}, "metadata.checkpoint_epochs", "epoch_exists"),
        ({}, {"num_classes": 5}, "replay_buffer_0.pt[0][10]", "tensors_match_architecture"),
        ({}, {"architecture": "AlexNet"}, "replay_buffer_0.pt[0][10]", "tensors_match_architecture"),
    ],
)
def test_what_is_not_there_is_named(
    refused: Any, buffer: Path, given: dict[str, Any], changed: dict[str, Any], location: str, rule: str
) -> None:
    reason = refused("replay_buffer", buffer, options=options(**given), **changed)
    assert (reason.location, reason.rule) == (location, rule)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ({"trajectories": torch.zeros(1)}, "replay_buffer_layout"),
        ([], "replay_buffer_layout"),
        ([torch.zeros(3)], "replay_buffer_layout"),
        ([[[torch.zeros(3)]]], "epoch_exists"),
        ([[[torch.zeros(3)], [1]]], "tensors_match_architecture"),
        ([[[torch.zeros(3)], torch.zeros(3)]], "replay_buffer_layout"),
    ],
)
def test_other_layouts_are_refused(refused: Any, tmp_path: Path, content: object, rule: str) -> None:
    torch.save(content, tmp_path / "replay_buffer_0.pt")
    assert refused("replay_buffer", tmp_path / "replay_buffer_0.pt", options=options()).rule == rule
