"""How much memory this process takes, and how a lack of it shows itself. Imports no torch by itself."""

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CPU_MESSAGES = (
    # torch's own allocator.
    "DefaultCPUAllocator: can't allocate memory",
    # oneDNN, short of memory for the code or the scratch space of a convolution.
    "could not create a primitive",
)
"""On the CPU torch has no class for it, only texts."""


def is_memory_shortage(error: BaseException) -> bool:
    """Tell whether an exception says that memory, of the host or of a GPU, ran out."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    return torch is not None and (
        isinstance(error, torch.OutOfMemoryError)
        or (isinstance(error, RuntimeError) and any(text in str(error) for text in CPU_MESSAGES))
    )


def resident_bytes() -> int:
    """Bytes of this process that are in memory now (0 where the system does not tell)."""
    return _status("VmRSS") or 0


def free_bytes(device: "torch.device", sharers: int = 1) -> int:
    """Return the bytes that this process may still take: of a GPU as one of `sharers` that have an equal part of it, of
    a machine what its system calls available (all there could be where it does not tell).
    """
    import torch

    if device.type == "cpu":
        available = _field(Path("/proc/meminfo"), "MemAvailable")
        return sys.maxsize if available is None else available

    free, total = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(free + cached, total // sharers)


def peak_bytes(device: "torch.device") -> int:
    """The most bytes there were: of this process on a CPU, in torch's tensors on a GPU."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    # The kernel's `ru_maxrss` also counts what the parent had when it forked.
    if (peak := _status("VmHWM")) is not None:
        return peak
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024


def _status(field: str) -> int | None:
    return _field(Path("/proc/self/status"), field)


def _field(path: Path, field: str) -> int | None:
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
