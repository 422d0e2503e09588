"""How much memory a training will take on a CPU, predicted from shapes alone.

The prediction runs one micro-batch on torch's meta device, where tensors have shapes but no bytes, and keeps count of
the storages that are alive.
"""

import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from workers.ladd.engine.execution import Execution
from workers.ladd.models import build_model

KEPT_BY_LIBRARIES = 60_000_000
"""Bytes that oneDNN and the allocator keep for themselves on a CPU; fitted, with the overhead below, to the peaks of
the five networks at 32 and 128 px. `tests/workers/ladd/deployment/test_memory.py` holds four of them to a fifth."""

OVERHEAD_OF_ACTIVATIONS = 1.45
"""How much more than their own bytes activations take on a CPU: oneDNN's reordered copies, and gaps."""


@dataclass(frozen=True)
class TrainingBytes:
    """`weights`: with gradient and copies; `activations`: when there are most of them."""

    weights: int
    activations: int

    @property
    def expected(self) -> int:
        """What to expect of the process, which is more than the tensors alone."""
        return self.weights + round(OVERHEAD_OF_ACTIVATIONS * self.activations) + KEPT_BY_LIBRARIES


@lru_cache(maxsize=16)
def training_bytes(
    architecture: str,
    *,
    num_classes: int,
    channels: int,
    size: int,
    border: int | None = None,
    micro_batch: int,
    copies: int,
    execution: Execution,
) -> TrainingBytes:
    """Return the bytes of a network with its gradient and `copies` more of its weights (momentum, average), and of the
    activations of `micro_batch` images [channels, size, size]; without the images of the set.
    """
    with torch.device("meta"):
        model = build_model(architecture, num_classes=num_classes, channels=channels, size=size, seed=0, border=border)
    weights = parameter_bytes(model)
    dtype = torch.bfloat16 if execution.dtype == "bfloat16" else torch.float32
    model = model.to(dtype)
    with LiveBytes() as live:
        images = torch.empty(micro_batch, channels, size, size, dtype=dtype, device="meta")
        targets = torch.empty(micro_batch, num_classes, dtype=dtype, device="meta")
        torch.autograd.backward(F.cross_entropy(model(images), targets))
    return TrainingBytes((2 + copies) * weights, max(0, live.peak - parameter_bytes(model)))


def parameter_bytes(model: nn.Module) -> int:
    """Return the bytes of a network's weights."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that operators have made and that are still there; `peak` is the most there were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size
