"""What planning says of architectures is what the networks say themselves."""

import pytest
import torch

from api_schemas.labelers import Architecture
from service.core.kinds.architectures import MOST_EXPENSIVE_FIRST, convnet_for, default_architectures, misfit
from workers.ladd.models import build_model
from workers.ladd.models import convnet_for as convnet_of_models

SIZES = (8, 9, 16, 20, 28, 31, 32, 36, 48, 64, 80, 100, 128)


@pytest.mark.parametrize("architecture", Architecture)
def test_misfits_are_those_of_the_networks(architecture: Architecture) -> None:
    for size in SIZES:
        with torch.device("meta"):
            try:
                build_model(architecture, num_classes=2, channels=1, size=size, seed=0)
                fits = True
            except ValueError:
                fits = False
        assert (misfit(architecture, size) is None) == fits, size


def test_convnet_follows_the_resolution() -> None:
    assert [convnet_for(size) for size in (32, 64, 128)] == ["ConvNetD3", "ConvNetD4", "ConvNetD5"]
    assert all(convnet_for(size) == convnet_of_models(size) for size in range(1, 300))


def test_default_is_the_papers_five() -> None:
    assert default_architectures(128) == ["ConvNetD5", "AlexNet", "VGG11", "ResNet18", "ViT"]
    assert sorted(MOST_EXPENSIVE_FIRST) == sorted(Architecture)
