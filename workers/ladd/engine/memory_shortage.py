"""How a lack of memory shows itself."""

import sys

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
