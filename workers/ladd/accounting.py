"""FLOPs of labelling, labeler training and deployment, counted by torch on the networks themselves.

1 multiply-accumulate = 2 FLOPs, as torch counts and as the paper's 0.002 PFLOPs implies. Only convolutions and matrix
products are counted; norms, activations and pooling are not. Nothing is computed: shapes alone run, on torch's meta
device.
"""

from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from workers.ladd.models import build_model


def forward_flops(architecture: str, *, num_classes: int, channels: int, size: int) -> int:
    """FLOPs of one image [channels, size, size] through the network; ConvNetD5 at 128 px, 10 classes: 1.718e9."""
    return _flops(architecture, num_classes, channels, size)[0]


def training_flops(architecture: str, *, num_classes: int, channels: int, size: int) -> int:
    """FLOPs of the forward and backward pass of one image; ConvNetD5 at 128 px, 10 classes: 5.040e9."""
    return _flops(architecture, num_classes, channels, size)[1]


def parameter_count(architecture: str, *, num_classes: int, channels: int, size: int) -> int:
    """Number of weights; ConvNetD5 at 128 px, 10 classes: 615,690."""
    return _flops(architecture, num_classes, channels, size)[2]


def labelling_flops(architecture: str, images: int, views: int, *, num_classes: int, channels: int, size: int) -> int:
    """FLOPs of writing the dense labels: one forward pass for each of `views` of each image.

    ConvNetD5 at 128 px, 10 classes, 50 images, 25 views: 2.15e12, the paper's "0.002 PFLOPs".
    """
    return images * views * forward_flops(architecture, num_classes=num_classes, channels=channels, size=size)


def labeler_training_flops(
    architecture: str, images: int, epochs: int, *, num_classes: int, channels: int, size: int
) -> int:
    """FLOPs of training the labeler on `images` for `epochs`, without its evaluations."""
    return images * epochs * training_flops(architecture, num_classes=num_classes, channels=channels, size=size)


def deployment_flops(architecture: str, forwards: int, *, num_classes: int, channels: int, size: int) -> int:
    """FLOPs of a deployment training that passed `forwards` images and views forward and back, without its test."""
    return forwards * training_flops(architecture, num_classes=num_classes, channels=channels, size=size)


@lru_cache(maxsize=64)
def _flops(architecture: str, num_classes: int, channels: int, size: int) -> tuple[int, int, int]:
    """FLOPs of the forward pass, and of forward and backward together, for one image; number of weights."""
    model = build_model(architecture, num_classes=num_classes, channels=channels, size=size, seed=0).to("meta")
    counter = FlopCounterMode(display=False)
    with counter:
        logits = model(torch.empty(1, channels, size, size, device="meta"))
        forward = counter.get_total_flops()
        logits.sum().backward()
    weights = sum(parameter.numel() for parameter in model.parameters())
    return forward, counter.get_total_flops(), weights
