"""The same bits from the same training, run after run: on a CPU without more, on a GPU at a price."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic


@contextmanager
def repeatable(device: torch.device, wanted: bool) -> Iterator[None]:
    """Let a GPU take only operators that add in a fixed order, for the block; nothing changes on a CPU.

    An operator that has no such form raises RuntimeError naming itself, and so does cuBLAS unless the environment says
    CUBLAS_WORKSPACE_CONFIG=:4096:8, as that of a runner does.
    """
    if not wanted or device.type != "cuda":
        yield
        return
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = settings.fill_uninitialized_memory
    try:
        # Convolutions follow this switch as well.
        torch.use_deterministic_algorithms(True)
        # New memory is not read before it is written: filling it first is for naught.
        settings.fill_uninitialized_memory = False
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled
