"""The cost of a network's layers, in closed form: multiply-accumulates and parameters from shapes alone."""

from dataclasses import dataclass

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Shape:
    """The sizes a network is built for: classes, channels of an image, and its height = width in pixels.

    `border`: pixels by which the first convolution pads images more than others do; None: as many as the architecture
    has for this number of channels.
    """

    num_classes: int
    channels: int
    size: int
    border: int | None = None

    @property
    def bordered_size(self) -> int:
        """Height = width of what the first convolution makes of an image, where it has stride 1."""
        return self.size + 2 * (self.border or 0)


@dataclass(frozen=True)
class Layer:
    """Multiply-accumulates for one image, and parameters, those of the norm behind it included."""

    macs: int
    parameters: int


def convolution(inputs: int, outputs: int, kernel: int, side: int, bias: bool = True, norm: bool = True) -> Layer:
    """Return a square convolution whose output is side x side; a norm has a scale and a shift for each channel."""
    weights = inputs * outputs * kernel**2
    return Layer(weights * side**2, weights + bias * outputs + norm * 2 * outputs)


def linear(inputs: int, outputs: int, times: int = 1, bias: bool = True) -> Layer:
    """Return a matrix product, which an image passes `times` times."""
    return Layer(times * inputs * outputs, inputs * outputs + bias * outputs)
