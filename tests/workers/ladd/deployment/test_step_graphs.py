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
from workers.ladd.deployment.step import Streams, plan_epoch
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
    name: str = "mtt",
) -> tuple[list[float], Tensor]:
    size = 33 if architecture == "ResNet18BN" else 16
    data = training_set(3, ViewGrid(n=2), size=size)
    recipe = resolve_recipe(name, architecture, {"epochs": epochs, "lr": 0.01, "views": "sampled:1", "batch_size": 2})
    model = build_model(architecture, num_classes=CLASSES, channels=3, size=size, seed=1)
    trained = Training(
        model, data, ARMS["ladd"], recipe, 1, "cpu", CLASSES, Listener(log=log), micro_batch=8, capture=capture
    ).run()
    # Batch norm's count of steps, which nothing reads, goes on in the step that is computed twice.
    state = [values.flatten() for values in trained.model.state_dict().values() if values.is_floating_point()]
    return trained.losses, torch.cat(state)


def refuse(work: Work) -> Work:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "architecture", "epochs", "forms"),
    [("mtt", "ConvNetD3", 60, 12), ("mtt", "ViT", 12, 1), ("rded", "ConvNetD3", 12, 2), ("rded", "ResNet18BN", 6, 2)],
)
def test_captured_steps_train_as_others_do(name: str, architecture: str, epochs: int, forms: int) -> None:
    captured: list[int] = []

    def capture(work: Work) -> Work:
        captured.append(1)
        return work

    losses, weights = train(capture, architecture, epochs, name=name)
    # Six families, each with batches of two images and with the last one of an epoch.
    assert len(captured) >= forms
    # SGD takes the learning rate from a tensor as it does from a number; AdamW would round it otherwise.
    plain_losses, plain_weights = train(None if name == "mtt" else refuse, architecture, epochs, name=name)
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


def graphs_of(kind: str, off: float, off_bias: float, said: list[str]) -> step_graphs.StepGraphs:
    """Steps that move a filter, a bias and a count; their replays move the first two by so much more."""
    weights, bias, count = torch.zeros(3, 4), torch.zeros(4), torch.zeros(())

    def moved(filters: float, biases: float) -> None:
        weights.add_(filters)
        bias.add_(biases)
        count.add_(1)

    def capture(work: Work) -> Work:
        return lambda: moved(0.01 * (1 + off), 0.01 * (1 + off_bias))

    return step_graphs.StepGraphs(
        lambda step: moved(0.01, 0.01), lambda: [weights, bias, count], capture, said.append, kind
    )


@pytest.mark.parametrize(
    ("kind", "off", "off_bias", "said"),
    [("new", 0.4, 0, 1), ("known", 0.4, 0, 0), ("new", 0.01, 0, 0), ("new", 0, 2, 0)],
)
def test_updates_are_compared_tensor_by_tensor_once_for_each_kind_of_step(
    kind: str, off: float, off_bias: float, said: int
) -> None:
    recipe = resolve_recipe("mtt", "ConvNetD3", {"batch_size": 3})
    (step,) = plan_epoch(3, 4, (16, 16), ARMS["baseline"], recipe, Streams(3))
    told: list[str] = []
    for graphs in (graphs_of("known", 0, 0, told), graphs_of(kind, off, off_bias, told)):
        assert [graphs.run(step) for _ in range(3)] == [False, False, not told]
    assert len(told) == said
    assert all("differs from that of the same step by 0.4 of its norm" in message for message in told)


def test_a_capture_that_fails_is_told_once_and_left_out() -> None:
    said: list[str] = []
    losses, _ = train(refuse, epochs=12, log=said.append)
    assert said == ["going on without CUDA graphs: RuntimeError: operation not permitted when stream is capturing"]
    assert losses == train(None, epochs=12)[0]
