"""How a lack of memory shows itself."""

import sys


def is_memory_shortage(error: BaseException) -> bool:
    """Tell whether an exception says that memory, of the host or of a GPU, ran out."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    # On the CPU torch has no class for it, only this text.
    return torch is not None and (
        isinstance(error, torch.OutOfMemoryError)
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error))
    )
