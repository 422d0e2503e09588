"""Captured steps: the same training, and a way back where they cannot be had.

CUDA graphs need a GPU (`make test-gpu`); here the work itself stands for its capture, which as a capture does takes its
rows from where the first step's lay.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from method.arms import ARMS
from workers.ladd.deployment import step_graphs
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import Training
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

from .test_training import CLASSES, training_set

Work = Callable[[], None]


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    step_graphs._checked.clear()
    yield
    step_graphs._checked.clear()


def train(
    capture: step_graphs.Capture | None,
    architecture: str = "ConvNetD3",
    epochs: int = 60,
    log: Callable[[str], None] = print,
) -> tuple[list[float], Tensor]:
    data = training_set(3, ViewGrid(n=2), size=16)
    recipe = resolve_recipe("mtt", architecture, {"epochs": epochs, "lr": 0.01, "views": "sampled:1", "batch_size": 2})
    model = build_model(architecture, num_classes=CLASSES, channels=3, size=16, seed=1)
    trained = Training(
        model, data, ARMS["ladd"], recipe, 1, "cpu", CLASSES, Listener(log=log), micro_batch=8, capture=capture
    ).run()
    return trained.losses, torch.cat([weights.detach().flatten() for weights in trained.model.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "epochs", "forms"), [("ConvNetD3", 60, 12), ("ViT", 12, 1)])
def test_captured_steps_train_as_others_do(architecture: str, epochs: int, forms: int) -> None:
    captured: list[int] = []

    def capture(work: Work) -> Work:
        captured.append(1)
        return work

    losses, weights = train(capture, architecture, epochs)
    # Six families, each with batches of two images and with the last one of an epoch.
    assert len(captured) >= forms
    plain_losses, plain_weights = train(None, architecture, epochs)
    assert losses == plain_losses
    assert torch.equal(weights, plain_weights)


def test_a_step_that_is_captured_wrongly_is_found_and_left_out() -> None:
    said: list[str] = []
    losses, weights = train(lambda work: lambda: None, epochs=12, log=said.append)
    assert said == [
        "going on without CUDA graphs: the update of a captured step differs from that of the same step by 1 of its "
        "norm"
    ]
    plain_losses, plain_weights = train(None, epochs=12)
    assert losses == plain_losses
    assert torch.equal(weights, plain_weights)


def test_a_capture_that_fails_is_told_once_and_left_out() -> None:
    said: list[str] = []

    def capture(work: Work) -> Work:
        raise RuntimeError("operation not permitted when stream is capturing")

    losses, _ = train(capture, epochs=12, log=said.append)
    assert said == ["going on without CUDA graphs: RuntimeError: operation not permitted when stream is capturing"]
    assert losses == train(None, epochs=12)[0]
