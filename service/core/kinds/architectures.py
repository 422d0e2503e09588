"""What planning must know of the architectures: which sizes they take, which are trained by default, what they cost."""

import math

from api_schemas.labelers import Architecture

SMALLEST_SIZE = {
    Architecture.CONVNET_D3: 8,
    Architecture.CONVNET_D4: 16,
    Architecture.CONVNET_D5: 32,
    Architecture.ALEXNET: 8,
    Architecture.VGG11: 32,
    Architecture.RESNET18: 9,
    Architecture.VIT: 8,
}
"""Smallest image in pixels that leaves each network a feature map."""

MOST_EXPENSIVE_FIRST = [
    Architecture.RESNET18,
    Architecture.VGG11,
    Architecture.ALEXNET,
    Architecture.VIT,
    Architecture.CONVNET_D5,
    Architecture.CONVNET_D4,
    Architecture.CONVNET_D3,
]
"""Order in which evaluations start, so that the longest is not the last: ResNet18 is about half of all the FLOPs."""


def convnet_for(size: int) -> Architecture:
    """Return the ConvNet of the field for images of this size: depth 3 at 32 px, 4 at 64 px, 5 at 128 px.

    Other sizes take the depth that leaves a last map of about 4x4 pixels, between 3 and 5.
    """
    depth = min(max(round(math.log2(size / 4)), 3), 5)
    return Architecture(f"ConvNetD{depth}")


def default_architectures(size: int) -> list[Architecture]:
    """Return the five architectures of LADD's evaluation (section 4.1), the ConvNet being the one for this size."""
    return [convnet_for(size), Architecture.ALEXNET, Architecture.VGG11, Architecture.RESNET18, Architecture.VIT]


def misfit(architecture: Architecture, size: int) -> str | None:
    """Say why an architecture cannot take images of this size, None when it can."""
    smallest = SMALLEST_SIZE[architecture]
    if size < smallest:
        return f"{architecture} needs images of at least {smallest} px, these have {size} px"
    # The ViT of the distillation code bases cuts patches of 4 px up to 32 px, of 16 px above.
    patch = 4 if size <= 32 else 16
    if architecture is Architecture.VIT and size % patch:
        return f"ViT needs an image size that {patch} px patches divide, these have {size} px"
    return None
