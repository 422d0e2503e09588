"""Labels that the labeler gives while a network is trained: of the rows themselves, counted, and told."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from method.arms import ARMS
from workers.ladd.deployment import cost
from workers.ladd.deployment.cost import predict_cost
from workers.ladd.deployment.live_labels import LiveLabeler
from workers.ladd.deployment.loss import tempered
from workers.ladd.deployment.step import Streams, accumulate, plan_epoch
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.dsa import apply_dsa
from workers.ladd.engine.mixing import mix_images
from workers.ladd.evaluation.trial import TestSet, evaluate_trial
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

from .test_training import CLASSES, network, training_set

SAME = ([0.5, 0.4, 0.3], [0.25, 0.2, 0.3])
OTHER = ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])


def labeler(own: tuple[list[float], list[float]] = SAME, temperature: float = 1.0) -> LiveLabeler:
    net = build_model("ConvNetD3", num_classes=CLASSES, channels=3, size=16, seed=9)
    # Surer than a fresh network is.
    net.get_parameter("classifier.weight").data.mul_(20)
    return LiveLabeler(net.eval(), 1000, temperature, SAME, own)


def labelled(asked: LiveLabeler) -> TrainingSet:
    return replace(training_set(3, ViewGrid(n=2), size=16), labeler=asked)


@pytest.mark.parametrize("name", ["glad", "rded"])
def test_the_labeler_is_asked_about_the_augmented_and_mixed_rows(name: str) -> None:
    asked = labeler()
    data = labelled(asked)
    recipe = resolve_recipe(name, "ConvNetD3", {"batch_size": 3})
    (step,) = plan_epoch(3, 4, (16, 16), ARMS["online"], recipe, Streams(3))
    rows = apply_dsa(data.images[step.image], step.augmentation)
    if name == "rded":
        rows = mix_images(rows, rows[step.mix.parameters["partner"]], step.mix)
    said = asked.network(rows).softmax(dim=1)
    model = network("ConvNetD3", size=16)
    logits = model(rows)
    if name == "glad":
        expected = -(said * logits.log_softmax(dim=1)).sum(dim=1).mean()
    else:
        said = tempered(said, 20.0)
        expected = (said * (said.log() - (logits / 20).log_softmax(dim=1))).sum(dim=1).mean()
    targets = data.targets(ARMS["online"], CLASSES, recipe.temperature)
    for micro_batch in (3, 2):
        loss = sum(part for _, part in accumulate(model, data, step, targets, micro_batch))
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-6)
    assert all(weights.grad is None for weights in asked.network.parameters())


def test_the_labeler_sees_its_own_normalization_at_its_own_temperature() -> None:
    rows = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mean, std, to_mean, to_std = (torch.tensor(values).view(1, 3, 1, 1) for values in (*SAME, *OTHER))
    asked = labeler(OTHER, temperature=2.5)
    expected = (asked.network((rows * std + mean - to_mean) / to_std) / 2.5).softmax(dim=1)
    torch.testing.assert_close(asked.answers(rows), expected.detach(), rtol=1e-4, atol=1e-6)


def test_its_forwards_are_in_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    # The labeler is part of it: the set is on the device before.
    monkeypatch.setattr(cost, "resident_bytes", lambda: 10**9)
    data = labelled(labeler())
    recipe = resolve_recipe("glad", "ConvNetD3", {"epochs": 4})
    costs = [
        predict_cost(data, ARMS[arm], "ConvNetD3", recipe, torch.device("cpu"), CLASSES)
        for arm in ("online", "baseline")
    ]
    assert costs[0].flops - costs[1].flops == 4 * 3 * 1000
    assert costs[0].peak_bytes == costs[1].peak_bytes


@pytest.mark.slow
def test_a_trial_learns_from_it_and_says_so() -> None:
    class Corner(nn.Module):
        """Class 1 where the first pixel is bright."""

        def forward(self, images: Tensor) -> Tensor:
            bright = 10 * images[:, 0, 8, 8]
            return torch.stack([-bright, bright], dim=1)

    images = torch.full((8, 16, 16, 1), 50, dtype=torch.uint8)
    images[::2] = 200
    labels = torch.arange(8) % 2
    normal = ((images.float() / 255 - 0.5) / 0.25).permute(0, 3, 1, 2).contiguous()
    asked = LiveLabeler(Corner(), 7, 1.0, ([0.5], [0.25]), ([0.5], [0.25]))
    # The set's own labels say the opposite of what the labeler does.
    data = TrainingSet(normal, labels, labeler=asked)
    overrides = {"epochs": 20, "lr": 0.01, "augmentation": "none", "ema_beta": 0, "temperature": 1.0}
    recipe = resolve_recipe("glad", "ConvNetD3", overrides)
    row = evaluate_trial(
        data,
        TestSet(images, 1 - labels, [0.5], [0.25]),
        ARMS["online"],
        "ConvNetD3",
        trial=0,
        recipe=recipe,
        seed=0,
        device="cpu",
        num_classes=2,
    )
    assert row.trial.accuracy == 100
    assert "asked about every row" in row.recipe["labeler_rule"]
    # That is of stored answers.
    assert "label_rule" not in row.recipe
