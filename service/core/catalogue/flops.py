"""FLOPs and parameters of the architectures in closed form, so that planning knows the cost without torch.

As torch's flop counter counts: convolutions and matrix products only, 1 multiply-accumulate = 2 FLOPs; the backward
pass repeats the forward pass twice (gradients of weights and of inputs), but the first layer's input has no gradient.
The layers are those of `workers.ladd.models`; a test compares the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from api_schemas.datasets import DatasetStats
from api_schemas.labelers import Architecture

FLOAT32_BYTES = 4
CONVNET_WIDTH = 128
VGG_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
VIT_WIDTH = 512


@dataclass(frozen=True)
class Shape:
    """What a network is built for: classes, channels of an image, and its height = width in pixels."""

    num_classes: int
    channels: int
    size: int


def shape_of(stats: DatasetStats) -> Shape:
    """Return the shape of a network for the (square) images of a set."""
    return Shape(stats.num_classes, stats.image_shape[0], stats.image_shape[1])


def forward_flops(architecture: Architecture, shape: Shape) -> int:
    """FLOPs of one image through the network; ConvNetD5 at 128 px, 3 channels, 10 classes: 1.718e9."""
    return 2 * sum(layer.macs for layer in _layers(architecture, shape))


def training_flops(architecture: Architecture, shape: Shape) -> int:
    """FLOPs of the forward and backward pass of one image; ConvNetD5 as above: 5.040e9."""
    return 3 * forward_flops(architecture, shape) - 2 * _layers(architecture, shape)[0].macs


def parameter_count(architecture: Architecture, shape: Shape) -> int:
    """Trained parameters of the network; ConvNetD5 as above: 615,690."""
    return sum(layer.parameters for layer in _layers(architecture, shape))


@dataclass(frozen=True)
class _Layer:
    """Multiply-accumulates for one image, and parameters, those of the norm behind it included."""

    macs: int
    parameters: int


@lru_cache(maxsize=64)
def _layers(architecture: Architecture, shape: Shape) -> tuple[_Layer, ...]:
    """Return the layers from the images to the logits."""
    match architecture:
        case Architecture.CONVNET_D3 | Architecture.CONVNET_D4 | Architecture.CONVNET_D5:
            return tuple(_convnet(shape, depth=int(architecture[-1])))
        case Architecture.ALEXNET:
            return tuple(_alexnet(shape))
        case Architecture.VGG11:
            return tuple(_vgg11(shape))
        case Architecture.RESNET18:
            return tuple(_resnet18(shape))
        case Architecture.VIT:
            return tuple(_vit(shape))


def _convolution(inputs: int, outputs: int, kernel: int, side: int, bias: bool = True, norm: bool = True) -> _Layer:
    """A square convolution whose output is side x side; a norm has a scale and a shift for each output channel."""
    weights = inputs * outputs * kernel**2
    return _Layer(weights * side**2, weights + bias * outputs + norm * 2 * outputs)


def _linear(inputs: int, outputs: int, times: int = 1, bias: bool = True) -> _Layer:
    return _Layer(times * inputs * outputs, inputs * outputs + bias * outputs)


def _convnet(shape: Shape, depth: int) -> Iterator[_Layer]:
    channels, side = shape.channels, shape.size
    for _ in range(depth):
        yield _convolution(channels, CONVNET_WIDTH, 3, side)
        channels, side = CONVNET_WIDTH, side // 2
    yield _linear(channels * side**2, shape.num_classes)


def _alexnet(shape: Shape) -> Iterator[_Layer]:
    size = shape.size
    yield _convolution(shape.channels, 128, 5, size, norm=False)
    yield _convolution(128, 192, 5, size // 2, norm=False)
    yield _convolution(192, 256, 3, size // 4, norm=False)
    yield _convolution(256, 192, 3, size // 4, norm=False)
    yield _convolution(192, 192, 3, size // 4, norm=False)
    yield _linear(192 * (size // 8) ** 2, shape.num_classes)


def _vgg11(shape: Shape) -> Iterator[_Layer]:
    channels, side = shape.channels, shape.size
    for stage in VGG_STAGES:
        for width in stage:
            yield _convolution(channels, width, 3, side)
            channels = width
        side //= 2
    yield _linear(channels * (7 if shape.size > 32 else 1) ** 2, shape.num_classes)


def _resnet18(shape: Shape) -> Iterator[_Layer]:
    channels, side = 64, shape.size
    yield _convolution(shape.channels, channels, 3, side, bias=False)
    for width in (64, 128, 256, 512):
        if width != channels:
            side = (side + 1) // 2
            yield _convolution(channels, width, 1, side, bias=False)
        for inputs in (channels, width, width, width):
            yield _convolution(inputs, width, 3, side, bias=False)
        channels = width
    yield _linear(channels, shape.num_classes)


def _vit(shape: Shape) -> Iterator[_Layer]:
    small = shape.size <= 32
    patch, depth = (4, 6) if small else (16, 10)
    patches = (shape.size // patch) ** 2
    tokens = patches + 1
    layer_norm = _Layer(0, small * 2 * VIT_WIDTH)
    yield _linear(patch**2 * shape.channels, VIT_WIDTH, patches)
    yield _Layer(0, (tokens + 1) * VIT_WIDTH)  # position embeddings and the class token
    for _ in range(depth):
        yield layer_norm
        yield _linear(VIT_WIDTH, 3 * VIT_WIDTH, tokens, bias=False)
        yield _Layer(2 * tokens**2 * VIT_WIDTH, 0)  # queries by keys, weights by values
        yield _linear(VIT_WIDTH, VIT_WIDTH, tokens)
        yield layer_norm
        yield _linear(VIT_WIDTH, VIT_WIDTH, tokens)
        yield _linear(VIT_WIDTH, VIT_WIDTH, tokens)
    yield layer_norm
    yield _linear(VIT_WIDTH, shape.num_classes)
