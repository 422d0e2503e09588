"""An imported network must run and answer with one logit for each class."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workers.ladd.importers import ImportRejected
from workers.ladd.importers.labelers.tested import ValSplit, check_network, measure_checkpoint

VAL = ValSplit(
    torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)),
    np.arange(8) % 4,
    num_classes=4,
)


def linear(outputs: int = 4) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(48, outputs)).eval()


class Picked(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, [0, 1, 2, 99]]


class Endless(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), 4), torch.inf)


def test_flops_of_one_image_are_counted() -> None:
    assert check_network(linear(), VAL, None) == 2 * 48 * 4


@pytest.mark.parametrize(
    ("network", "outputs", "location", "rule"),
    [
        (linear(5), None, "files", "outputs_match_classes"),
        (nn.Identity(), None, "files", "outputs_match_classes"),
        (nn.Conv2d(1, 4, 1), None, "files", "network_runs"),
        (Picked(), None, "files", "network_runs"),
        (Picked(), [0, 1, 2, 99], "metadata.class_map", "outputs_match_classes"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    network: nn.Module, outputs: list[int] | None, location: str, rule: str
) -> None:
    with pytest.raises(ImportRejected) as caught:
        check_network(network, VAL, outputs)
    [reason] = caught.value.reasons
    assert (reason.location, reason.rule) == (location, rule)


def test_accuracy_and_entropy_are_those_of_the_val_split() -> None:
    row, probabilities = checkpoint(linear())
    assert probabilities.shape == (8, 4)
    right = (probabilities.argmax(dim=1).numpy() == VAL.labels).mean()
    assert row["val_accuracy"] == pytest.approx(100 * right)
    entropy = -(probabilities * probabilities.log()).sum(dim=1).mean().item()
    assert row["mean_entropy"] == pytest.approx(entropy, rel=1e-4)
    assert (row["train_loss"], row["train_accuracy"]) == (None, None)


def test_answers_must_be_finite() -> None:
    with pytest.raises(ImportRejected, match="not finite"):
        checkpoint(Endless())


def checkpoint(network: nn.Module) -> tuple[dict[str, Any], Tensor]:
    return measure_checkpoint(network, VAL, [0.5] * 3, [0.2] * 3, "cpu", lambda images: None)
