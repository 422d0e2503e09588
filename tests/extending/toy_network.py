"""A user's own student: a linear classifier, as an installed package would bring it. Imports no torch by itself."""

from collections.abc import Iterator

from method.architectures import Architecture
from method.layers import Layer, Shape, linear


def layers(shape: Shape) -> Iterator[Layer]:
    yield linear(shape.channels * shape.size**2, shape.num_classes)


TOY = Architecture("ToyLinear", "tests.extending.toy_code:ToyLinear", "toy", layers, maps=None)
