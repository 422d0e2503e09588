"""The closed forms are what torch counts on the networks themselves."""

import itertools

import pytest

from api_schemas.labelers import Architecture
from service.core.catalogue.flops import Shape, forward_flops, parameter_count, training_flops
from service.core.kinds.architectures import misfit
from workers.ladd import accounting
from workers.ladd.models import build_model

# 96 px is no power of two, 33 px leaves maps of odd sides nearly everywhere.
SIZES = (32, 64, 128)
SHAPES = [
    *(Shape(classes, channels, size) for size, channels, classes in itertools.product(SIZES, (1, 3), (10, 100))),
    *(Shape(10, 3, size) for size in (96, 33)),
]


def fitting(architecture: Architecture) -> list[Shape]:
    return [shape for shape in SHAPES if misfit(architecture, shape.size) is None]


@pytest.mark.parametrize("architecture", list(Architecture))
def test_torch_counts_the_same_flops(architecture: Architecture) -> None:
    shapes = fitting(architecture)
    assert len(shapes) >= 13
    for shape in shapes:
        named = {"num_classes": shape.num_classes, "channels": shape.channels, "size": shape.size}
        assert forward_flops(architecture, shape) == accounting.forward_flops(architecture, **named), shape
        assert training_flops(architecture, shape) == accounting.training_flops(architecture, **named), shape


@pytest.mark.parametrize("architecture", list(Architecture))
def test_the_networks_have_as_many_parameters(architecture: Architecture) -> None:
    for shape in fitting(architecture):
        if (shape.num_classes, shape.channels) == (10, 3):
            model = build_model(architecture, num_classes=10, channels=3, size=shape.size, seed=0)
            assert parameter_count(architecture, shape) == sum(each.numel() for each in model.parameters()), shape
