"""Float32 arithmetic of a block: IEEE throughout, or with the TF32 convolutions that torch chooses by itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from method.precisions import PRECISIONS


def exact_float32() -> AbstractContextManager[None]:
    """Compute float32 matrix products and convolutions in IEEE float32 for the block."""
    return _float32("ieee")


def published_float32() -> AbstractContextManager[None]:
    """Compute as torch does by default: cuDNN's convolutions in TF32, all else in IEEE float32; on a CPU all of it."""
    return _float32("tf32")


def float32_of(precision: str) -> AbstractContextManager[None]:
    """Compute what a precision leaves in float32, the test among it, as that precision allows."""
    return published_float32() if PRECISIONS[precision].tf32 else exact_float32()


@contextmanager
def _float32(convolutions: str) -> Iterator[None]:
    cudnn: Any = torch.backends.cudnn
    wanted: dict[Any, str] = {cudnn.conv: convolutions, torch.backends.cuda.matmul: "ieee"}
    before = {backend: backend.fp32_precision for backend in wanted}
    try:
        for backend, precision in wanted.items():
            backend.fp32_precision = precision
        yield
    finally:
        for backend, precision in before.items():
            backend.fp32_precision = precision
