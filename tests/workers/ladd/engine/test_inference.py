"""Predictions and accuracy of a network on real images."""

import pytest
import torch
from torch import nn

from workers.ladd.engine.inference import measure_accuracy, predict
from workers.ladd.engine.normalization import normalize
from workers.ladd.models import build_model

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def test_prediction_is_that_of_the_network_in_evaluation_mode_whatever_the_batch() -> None:
    model = build_model("ViT", num_classes=3, channels=3, size=16, seed=0).train()
    images = torch.randint(256, (7, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    done: list[int] = []
    logits = predict(model, images, MEAN, STD, "cpu", batch_size=3, on_images=done.append)
    with torch.no_grad():
        expected = model.eval()(normalize(images, MEAN, STD))
    torch.testing.assert_close(logits, expected)
    assert done == [3, 3, 1]


def test_float_images_go_in_as_they_are() -> None:
    model = build_model("ViT", num_classes=3, channels=3, size=16, seed=0)
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    logits = predict(model, images, MEAN, STD, "cpu")
    with torch.no_grad():
        torch.testing.assert_close(logits, model.eval()(images))


def test_accuracy_in_percent_over_all_and_by_class() -> None:
    logits = torch.eye(4)[[0, 0, 1, 2, 1, 2]]
    accuracy, per_class = measure_accuracy(logits, torch.tensor([0, 0, 0, 1, 1, 2]), num_classes=4)
    assert accuracy == pytest.approx(100 * 4 / 6)
    assert per_class == [pytest.approx(100 * 2 / 3), 50.0, 100.0, None]


def test_predict_leaves_no_gradient() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    logits = predict(model, torch.zeros(2, 2, 2, 3, dtype=torch.uint8), MEAN, STD, "cpu")
    assert not logits.requires_grad
