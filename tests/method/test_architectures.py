"""The table of architectures is true of the networks: sizes, FLOPs as torch counts them, parameters."""

import itertools
from importlib import import_module
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from method.architectures import (
    ARCHITECTURES,
    convnet_for,
    default_architectures,
    forward_flops,
    parameter_count,
    training_flops,
)
from method.layers import Shape
from workers.ladd.models import build_model

# 96 px is no power of two, 33 px leaves maps of odd sides nearly everywhere.
SIZES = (32, 64, 128)
SHAPES = [
    *(Shape(classes, channels, size) for size, channels, classes in itertools.product(SIZES, (1, 3), (10, 100))),
    *(Shape(10, 3, size) for size in (96, 33)),
    # MNIST, and networks of before there was a border.
    Shape(10, 1, 28),
    Shape(10, 1, 32, border=0),
]
IMAGENETTE = Shape(num_classes=10, channels=3, size=128)

PUBLISHED = [
    ("ConvNetD5", 128, 1.718, 5.040),
    ("ConvNetD4", 64, 0.425, None),
    ("ConvNetD3", 32, 0.101, None),
    ("AlexNet", 128, 7.840, 23.21),
    ("VGG11", 128, 4.889, 14.61),
    ("ResNet18", 128, 17.773, 53.26),
    ("ViT", 128, 2.182, 6.494),
    ("ResNet18BN", 224, 3.627, 10.645),
]
"""GFLOPs per image of GLaD's networks and torchvision's ResNet-18, forward and forward + backward."""


def fitting(architecture: str) -> list[Shape]:
    return [shape for shape in SHAPES if ARCHITECTURES[architecture].misfit(shape.size, shape.channels) is None]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_torch_counts_the_same_flops(architecture: str) -> None:
    shapes = fitting(architecture)
    assert len(shapes) >= (10 if ARCHITECTURES[architecture].batch_norm else 13)
    for shape in shapes:
        model = build_model(architecture, **vars(shape), seed=0).to("meta")
        with FlopCounterMode(display=False) as counter:
            logits = model(torch.empty(1, shape.channels, shape.size, shape.size, device="meta"))
            assert forward_flops(architecture, shape) == counter.get_total_flops(), shape
            logits.sum().backward()
        assert training_flops(architecture, shape) == counter.get_total_flops(), shape


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_networks_have_as_many_parameters(architecture: str) -> None:
    for shape in fitting(architecture):
        if shape.num_classes == 10:
            model = build_model(architecture, **vars(shape), seed=0)
            assert parameter_count(architecture, shape) == sum(each.numel() for each in model.parameters()), shape


@pytest.mark.parametrize(("architecture", "size", "forward", "training"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_flops_of_each_architecture(architecture: str, size: int, forward: float, training: float | None) -> None:
    shape = Shape(10, 3, size)
    assert round(forward_flops(architecture, shape) / 1e9, 3) == forward
    if training is not None:
        assert training_flops(architecture, shape) / 1e9 == pytest.approx(training, abs=0.006)


def test_the_first_layer_by_hand() -> None:
    """ConvNetD3 at 32 px: 3x3 convolutions at 32, 16 and 8 px, then 2048 -> 10, two FLOPs per multiply-accumulate."""
    convolutions = 9 * 128 * (3 * 32**2 + 128 * 16**2 + 128 * 8**2)
    assert forward_flops("ConvNetD3", Shape(10, 3, 32)) == 2 * (convolutions + 2048 * 10)


def test_labelling_is_the_papers_0_002_petaflops() -> None:
    """128 px, 10 classes, 5 images per class, 5 x 5 views."""
    assert round(50 * 25 * forward_flops("ConvNetD5", IMAGENETTE) / 1e15, 5) == 0.00215


def test_labeler_training_is_far_more_than_labelling() -> None:
    """13,000 images for 10 epochs: 0.655 PFLOPs, 305 times the labelling."""
    flops = 13_000 * 10 * training_flops("ConvNetD5", IMAGENETTE)
    assert flops / 1e15 == pytest.approx(0.655, abs=0.001)
    assert flops / (50 * 25 * forward_flops("ConvNetD5", IMAGENETTE)) == pytest.approx(305, abs=0.5)


def test_deployment_counts_every_forward() -> None:
    """One of the paper's ConvNetD5 trials at 10 IPC: 26 views of 100 images for 1,000 epochs, 13.1 PFLOPs."""
    assert 26 * 100 * 1000 * training_flops("ConvNetD5", IMAGENETTE) / 1e15 == pytest.approx(13.1, abs=0.01)


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name not in ("ViT", "ResNet18BN")])
def test_below_the_smallest_size_a_network_sees_nothing(architecture: str) -> None:
    known = ARCHITECTURES[architecture]
    size = known.smallest - 1
    assert known.misfit(size, 3) is not None
    images = torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(0))
    assert not _tells_apart(architecture, size, images)
    larger = torch.randn(2, 1, size + 1, size + 1, generator=torch.Generator().manual_seed(0))
    assert _tells_apart(architecture, size + 1, larger)


def _tells_apart(architecture: str, size: int, images: torch.Tensor) -> bool:
    """Whether the bare network can be built, and answers two images differently."""
    known = ARCHITECTURES[architecture]
    module, _, name = known.network.partition(":")
    network: Any = getattr(import_module(module), name)
    torch.manual_seed(0)
    try:
        logits = network(num_classes=2, channels=1, size=size, **known.arguments).eval()(images)
    except (RuntimeError, ValueError, UserWarning):
        return False
    # Rounding is no sight: the norm of a single value is zero but for that, and up to 1e-5 was seen.
    return not torch.allclose(logits[0], logits[1], rtol=0, atol=5e-5)


def test_a_border_makes_room_for_smaller_images_of_one_channel() -> None:
    vgg = ARCHITECTURES["VGG11"]
    assert [vgg.misfit(28, channels) is None for channels in (1, 3)] == [True, False]
    assert vgg.misfit(27, 1) == "VGG11 needs images of at least 28 px, these have 27 px"


def test_vit_takes_what_its_patches_divide() -> None:
    vit = ARCHITECTURES["ViT"]
    assert [size for size in (8, 28, 31, 32, 36, 48, 64, 100, 128) if vit.misfit(size, 3) is None] == [
        *(8, 28, 32),
        *(48, 64, 128),
    ]


def test_convnet_follows_the_resolution() -> None:
    assert [convnet_for(size) for size in (32, 64, 128)] == ["ConvNetD3", "ConvNetD4", "ConvNetD5"]


def test_default_is_the_papers_five() -> None:
    assert default_architectures(128) == ["ConvNetD5", "AlexNet", "VGG11", "ResNet18", "ViT"]


def test_every_architecture_has_its_turn() -> None:
    turns = sorted(ARCHITECTURES, key=lambda name: ARCHITECTURES[name].turn)
    assert turns == ["ResNet18", "VGG11", "AlexNet", "ViT", "ResNet18BN", "ConvNetD5", "ConvNetD4", "ConvNetD3"]
