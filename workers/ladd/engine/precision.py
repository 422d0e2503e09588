"""Float arithmetic of a computation that is called exact."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute float32 matrix products and convolutions in IEEE float32 for the block; cuDNN's own choice is TF32."""
    cudnn: Any = torch.backends.cudnn
    backends: tuple[Any, ...] = (cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision
