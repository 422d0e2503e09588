"""The architectures of the cross-architecture evaluation: sizes they bear, where their code is, and what they cost.

At 32 px and below they are the CIFAR variants of the distillation code bases, above 32 px their ImageNet definitions
(GLaD, `networks/`). An installed package adds its own by an entry point of the group `ladd.architectures` that leads to
an `Architecture`, in a module that imports no torch: the front reads it as well.

FLOPs are counted as torch's counter does: convolutions and matrix products only, 1 multiply-accumulate = 2 FLOPs; the
backward pass repeats the forward pass twice (gradients of weights and of inputs), but the first layer's input has no
gradient. A test holds these counts against torch's on the networks themselves.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from method.layers import Layer, Shape, convolution, linear
from method.registry import registry

CONVNET_WIDTH = 128
ONE_CHANNEL_BORDER = 2
"""Pixels by which DC, MTT and GLaD pad the first convolution of ConvNet and VGG11 (3 instead of 1) and of AlexNet (4
instead of 2) more where images have one channel, whatever their size: MNIST's 28 px then have the maps of 32 px. Their
ResNet18 has no such border, and their ViT takes three channels alone."""
VGG_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Output channels of the 3x3 convolutions between two 2x2 max poolings (Simonyan & Zisserman, ICLR 2015, A)."""
VGG_IMAGENET_MAP = 7
"""GLaD stretches (or shrinks) VGG11's last map to 7x7 above 32 px; the CIFAR form keeps its 1x1 map."""
RESNET_STAGES = (64, 128, 256, 512)
VIT_WIDTH = 512


def vit_form(size: int) -> tuple[int, int]:
    """Return the ViT's patch in pixels and its number of layers: GLaD's `vit_cifar.py` up to 32 px, then `vit.py`."""
    return (4, 6) if size <= 32 else (16, 10)


@dataclass(frozen=True)
class Architecture:
    """The facts about a network that are known without torch.

    network: `module:class` of the code, called with `num_classes`, `channels`, `size` and `arguments`.
    family: networks that are computed alike (`workers.ladd.engine.execution`).
    layers: those from the images to the logits, for a shape.
    smallest: smallest image in pixels that leaves the network a feature map, its border included.
    border: pixels by which the first convolution pads images of one channel more than others, on each side; the code
        is called with `border` as well then.
    divisor: what an image's size must be a multiple of, as a function of that size.
    slow: whether recipes give it the lower of their two learning rates (GLaD, `glad_utils.py`: VGG11 alone).
    batch_norm: whether it normalises over its batch, so that a training forwards each step at once.
    maps: name of the part whose output is the last feature maps [B, K, h, w], for Grad-CAM; None: it has none.
    turn: place in the order in which an evaluation starts its trainings, so that the longest is not the last.
    """

    name: str
    network: str
    family: str
    layers: Callable[[Shape], Iterator[Layer]]
    smallest: int = 1
    border: int = 0
    divisor: Callable[[int], int] = lambda size: 1
    slow: bool = False
    batch_norm: bool = False
    maps: str | None = "features"
    turn: int = 0
    arguments: Mapping[str, int] = field(default_factory=dict)

    def border_for(self, channels: int) -> int:
        """Return the border in pixels that the network has around images of so many channels."""
        return self.border if channels == 1 else 0

    def misfit(self, size: int, channels: int) -> str | None:
        """Say why the network cannot take images of this size and so many channels, None when it can."""
        smallest = self.smallest - 2 * self.border_for(channels)
        if size < smallest:
            return f"{self.name} needs images of at least {smallest} px, these have {size} px"
        patch = self.divisor(size)
        if size % patch:
            return f"{self.name} needs an image size that {patch} px patches divide, these have {size} px"
        return None


def _convnet(depth: int, smallest: int, turn: int) -> Architecture:
    def layers(shape: Shape) -> Iterator[Layer]:
        channels, side = shape.channels, shape.bordered_size
        for _ in range(depth):
            yield convolution(channels, CONVNET_WIDTH, 3, side)
            channels, side = CONVNET_WIDTH, side // 2
        yield linear(channels * side**2, shape.num_classes)

    return Architecture(
        f"ConvNetD{depth}",
        "workers.ladd.models.convnet:ConvNet",
        "ConvNet",
        layers,
        smallest,
        border=ONE_CHANNEL_BORDER,
        turn=turn,
        arguments={"depth": depth},
    )


def _alexnet(shape: Shape) -> Iterator[Layer]:
    size = shape.bordered_size
    yield convolution(shape.channels, 128, 5, size, norm=False)
    yield convolution(128, 192, 5, size // 2, norm=False)
    yield convolution(192, 256, 3, size // 4, norm=False)
    yield convolution(256, 192, 3, size // 4, norm=False)
    yield convolution(192, 192, 3, size // 4, norm=False)
    yield linear(192 * (size // 8) ** 2, shape.num_classes)


def _vgg11(shape: Shape) -> Iterator[Layer]:
    channels, side = shape.channels, shape.bordered_size
    for stage in VGG_STAGES:
        for width in stage:
            yield convolution(channels, width, 3, side)
            channels = width
        side //= 2
    yield linear(channels * (VGG_IMAGENET_MAP if shape.size > 32 else 1) ** 2, shape.num_classes)


def _resnet18(shape: Shape) -> Iterator[Layer]:
    yield convolution(shape.channels, RESNET_STAGES[0], 3, shape.size, bias=False)
    yield from _resnet_stages(shape.size, shape.num_classes)


def _resnet18_bn(shape: Shape) -> Iterator[Layer]:
    side = (shape.size + 1) // 2
    yield convolution(shape.channels, RESNET_STAGES[0], 7, side, bias=False)
    yield from _resnet_stages((side + 1) // 2, shape.num_classes)


def _resnet_stages(side: int, num_classes: int) -> Iterator[Layer]:
    channels = RESNET_STAGES[0]
    for width in RESNET_STAGES:
        if width != channels:
            side = (side + 1) // 2
            yield convolution(channels, width, 1, side, bias=False)
        for inputs in (channels, width, width, width):
            yield convolution(inputs, width, 3, side, bias=False)
        channels = width
    yield linear(channels, num_classes)


def _vit(shape: Shape) -> Iterator[Layer]:
    patch, depth = vit_form(shape.size)
    patches = (shape.size // patch) ** 2
    tokens = patches + 1
    layer_norm = Layer(0, (shape.size <= 32) * 2 * VIT_WIDTH)
    yield linear(patch**2 * shape.channels, VIT_WIDTH, patches)
    yield Layer(0, (tokens + 1) * VIT_WIDTH)  # position embeddings and the class token
    for _ in range(depth):
        yield layer_norm
        yield linear(VIT_WIDTH, 3 * VIT_WIDTH, tokens, bias=False)
        yield Layer(2 * tokens**2 * VIT_WIDTH, 0)  # queries by keys, weights by values
        yield linear(VIT_WIDTH, VIT_WIDTH, tokens)
        yield layer_norm
        yield linear(VIT_WIDTH, VIT_WIDTH, tokens)
        yield linear(VIT_WIDTH, VIT_WIDTH, tokens)
    yield layer_norm
    yield linear(VIT_WIDTH, shape.num_classes)


ARCHITECTURES: dict[str, Architecture] = registry(
    (
        _convnet(3, smallest=8, turn=6),
        _convnet(4, smallest=16, turn=5),
        _convnet(5, smallest=32, turn=4),
        Architecture(
            "AlexNet",
            "workers.ladd.models.alexnet:AlexNet",
            "AlexNet",
            _alexnet,
            smallest=8,
            border=ONE_CHANNEL_BORDER,
            turn=2,
        ),
        Architecture(
            "VGG11",
            "workers.ladd.models.vgg:VGG11",
            "VGG11",
            _vgg11,
            smallest=32,
            border=ONE_CHANNEL_BORDER,
            slow=True,
            turn=1,
        ),
        # Three stages of stride 2: below 9 px the last map is one pixel, which an instance norm turns into zero.
        Architecture(
            "ResNet18", "workers.ladd.models.resnet:ResNet18", "ResNet18", _resnet18, smallest=9, maps="stages", turn=0
        ),
        Architecture(
            "ViT",
            "workers.ladd.models.vit:ViT",
            "ViT",
            _vit,
            smallest=8,
            divisor=lambda size: vit_form(size)[0],
            maps=None,
            turn=3,
        ),
        # Five halvings: below 33 px the last map is one pixel, over which a batch of one row has no statistics.
        Architecture(
            "ResNet18BN",
            "workers.ladd.models.resnet_bn:resnet18_bn",
            "ResNet18BN",
            _resnet18_bn,
            smallest=33,
            batch_norm=True,
            maps="layer4",
            turn=3,
        ),
    ),
    group="ladd.architectures",
)


def convnet_for(size: int) -> str:
    """Return the ConvNet of the field for images of this size: depth 3 at 32 px, 4 at 64 px, 5 at 128 px.

    Other sizes take the depth that leaves a last map of about 4x4 pixels, from 3 to 5. Raises ValueError below 1 px.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    return f"ConvNetD{min(max(round(math.log2(size / 4)), 3), 5)}"


def default_architectures(size: int) -> list[str]:
    """Return the five architectures of LADD's evaluation (section 4.1), the ConvNet being the one for this size."""
    return [convnet_for(size), "AlexNet", "VGG11", "ResNet18", "ViT"]


def fitting(architectures: Sequence[str], size: int, channels: int) -> tuple[list[str], list[str]]:
    """Return those of the architectures that take images of this size in pixels, and why the others do not."""
    misfits = {name: ARCHITECTURES[name].misfit(size, channels) for name in architectures}
    return [name for name, why in misfits.items() if why is None], [why for why in misfits.values() if why is not None]


def forward_flops(architecture: str, shape: Shape) -> int:
    """Return FLOPs of one image through the network; ConvNetD5 at 128 px, 3 channels, 10 classes: 1.718e9."""
    return 2 * sum(layer.macs for layer in _layers(architecture, shape))


def training_flops(architecture: str, shape: Shape) -> int:
    """Return FLOPs of the forward and backward pass of one image; ConvNetD5 as above: 5.040e9."""
    return 3 * forward_flops(architecture, shape) - 2 * _layers(architecture, shape)[0].macs


def parameter_count(architecture: str, shape: Shape) -> int:
    """Return the trained parameters of the network; ConvNetD5 as above: 615,690."""
    return sum(layer.parameters for layer in _layers(architecture, shape))


@lru_cache(maxsize=64)
def _layers(architecture: str, shape: Shape) -> tuple[Layer, ...]:
    known = ARCHITECTURES[architecture]
    border = known.border_for(shape.channels) if shape.border is None else shape.border
    return tuple(known.layers(replace(shape, border=border)))
