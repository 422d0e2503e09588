"""Grad-CAM against Captum's, and on networks that have no maps to show."""

import numpy as np
import pytest
import torch

from method.architectures import ARCHITECTURES
from workers.ladd.evaluation.grad_cam import grad_cam
from workers.ladd.models import build_model

CLASSES = torch.tensor([0, 1, 2, 3])


@pytest.mark.parametrize(
    ("architecture", "size"),
    [("ConvNetD3", 32), ("AlexNet", 32), ("ResNet18", 32), ("VGG11", 64), ("ConvNetD4", 64), ("ResNet18BN", 64)],
)
def test_maps_are_those_of_captum(architecture: str, size: int) -> None:
    # Here: it loads so much that every run of any tests would take seconds longer.
    from captum.attr import LayerGradCam  # type: ignore[import-untyped]

    model = build_model(architecture, num_classes=4, channels=3, size=size, seed=0).eval()
    images = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    maps = ARCHITECTURES[architecture].maps
    assert maps is not None
    theirs = LayerGradCam(model, model.get_submodule(maps)).attribute(images, CLASSES, relu_attributions=True)
    expected = theirs.detach().squeeze(1).numpy()
    found = grad_cam(model, maps, images, CLASSES)
    assert found is not None
    highest = np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(found, expected / highest, rtol=1e-5, atol=1e-6)
    assert found.min() >= 0
    assert found.max() == 1


def test_networks_without_maps_have_none() -> None:
    assert [name for name, known in ARCHITECTURES.items() if known.maps is None] == ["ViT"]
    model = build_model("VGG11", num_classes=4, channels=3, size=32, seed=0).eval()
    assert grad_cam(model, "features", torch.rand(4, 3, 32, 32), CLASSES) is None


def test_nothing_for_the_class_is_all_zero() -> None:
    model = build_model("ConvNetD3", num_classes=4, channels=1, size=32, seed=0).eval()
    for weights in model.parameters():
        weights.data.zero_()
    found = grad_cam(model, "features", torch.rand(4, 1, 32, 32), CLASSES)
    assert found is not None
    assert not found.any()
