import pytest

from workers.ladd.accounting import (
    deployment_flops,
    forward_flops,
    labeler_training_flops,
    labelling_flops,
    training_flops,
)

IMAGENETTE = {"num_classes": 10, "channels": 3, "size": 128}

PUBLISHED = [
    ("ConvNetD5", 128, 1.718, 5.040),
    ("ConvNetD4", 64, 0.425, None),
    ("ConvNetD3", 32, 0.101, None),
    ("AlexNet", 128, 7.840, 23.21),
    ("VGG11", 128, 4.889, 14.61),
    ("ResNet18", 128, 17.773, 53.26),
    ("ViT", 128, 2.182, 6.494),
]
"""GFLOPs per image of GLaD's networks, forward and forward + backward."""


@pytest.mark.parametrize(("architecture", "size", "forward", "training"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_flops_of_each_architecture(architecture: str, size: int, forward: float, training: float | None) -> None:
    shape = {"num_classes": 10, "channels": 3, "size": size}
    assert round(forward_flops(architecture, **shape) / 1e9, 3) == forward
    if training is not None:
        assert training_flops(architecture, **shape) / 1e9 == pytest.approx(training, abs=0.006)


def test_the_first_layer_by_hand() -> None:
    """ConvNetD3 at 32 px: 3x3 convolutions at 32, 16 and 8 px, then 2048 -> 10, two FLOPs per multiply-accumulate."""
    convolutions = 9 * 128 * (3 * 32**2 + 128 * 16**2 + 128 * 8**2)
    assert forward_flops("ConvNetD3", num_classes=10, channels=3, size=32) == 2 * (convolutions + 2048 * 10)


def test_labelling_is_the_papers_0_002_petaflops() -> None:
    """128 px, 10 classes, 5 images per class, 5 x 5 views."""
    flops = labelling_flops("ConvNetD5", images=50, views=25, **IMAGENETTE)
    assert round(flops / 1e15, 5) == 0.00215


def test_labeler_training_is_counted_apart() -> None:
    """13,000 images for 10 epochs: 0.655 PFLOPs, 305 times the labelling."""
    flops = labeler_training_flops("ConvNetD5", images=13_000, epochs=10, **IMAGENETTE)
    assert flops / 1e15 == pytest.approx(0.655, abs=0.001)
    assert flops / labelling_flops("ConvNetD5", images=50, views=25, **IMAGENETTE) == pytest.approx(305, abs=0.5)


def test_deployment_counts_every_forward() -> None:
    """One of the paper's ConvNetD5 trials at 10 IPC: 26 views of 100 images for 1,000 epochs, 13.1 PFLOPs."""
    flops = deployment_flops("ConvNetD5", forwards=26 * 100 * 1000, **IMAGENETTE)
    assert flops / 1e15 == pytest.approx(13.1, abs=0.01)


def test_unknown_architectures_are_an_error() -> None:
    with pytest.raises(ValueError, match="ConvNetD9"):
        forward_flops("ConvNetD9", **IMAGENETTE)
