"""The architectures of the cross-architecture evaluation, one file each, and the registry that names them.

At 32 px and below they are the CIFAR variants of the distillation code bases, above 32 px their ImageNet
definitions. None of them holds a batch statistic, so a batch may be split without changing its gradient.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from workers.ladd.models.alexnet import AlexNet
from workers.ladd.models.convnet import ConvNet
from workers.ladd.models.resnet import ResNet18
from workers.ladd.models.vgg import VGG11
from workers.ladd.models.vit import ViT

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "ConvNetD3": partial(ConvNet, depth=3),
    "ConvNetD4": partial(ConvNet, depth=4),
    "ConvNetD5": partial(ConvNet, depth=5),
    "AlexNet": AlexNet,
    "VGG11": VGG11,
    "ResNet18": ResNet18,
    "ViT": ViT,
}


def build_model(architecture: str, *, num_classes: int, channels: int, size: int, seed: int) -> nn.Module:
    """Build a freshly initialised network for images [B, channels, size, size] on the CPU.

    Its weights are a function of `seed` alone, drawn with torch's default initialisation as in the public
    code bases; the global generator is left as it was. Raises ValueError for an architecture that is not in
    `ARCHITECTURES`, for an image size that the architecture cannot take, and for counts below 1.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}")
    for field, value in (("num_classes", num_classes), ("channels", channels), ("size", size)):
        if value < 1:
            raise ValueError(f"{field} of {architecture} must be at least 1, got {value}")
    # The CPU generator is seeded directly: torch.manual_seed would reseed the GPUs' generators as well.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return ARCHITECTURES[architecture](num_classes=num_classes, channels=channels, size=size)


def convnet_for(size: int) -> str:
    """Return the name of the ConvNet that the field uses at this image size in pixels.

    32 -> ConvNetD3, 64 -> ConvNetD4, 128 -> ConvNetD5. Other sizes take the depth round(log2(size / 4)),
    which leaves a last map of about 4x4, held between the depths 3 and 5. Raises ValueError below 1 px.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    depth = round(math.log2(size / 4))
    return f"ConvNetD{min(max(depth, 3), 5)}"
