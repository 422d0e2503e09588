"""The state of a runner between two tasks: what the first leaves neither slows nor changes the second.

Random numbers and the arithmetic's precision need nothing here: tasks draw from generators of their own and give
torch's settings back as they were (`workers.ladd.engine`).
"""

import ctypes
import gc
import sys
from pathlib import Path

from api_schemas.runner import RunnerTask
from workers.runner.preemption import expect_no_preemption

FORGET_PEAK = "5"
"""Makes the kernel count `VmHWM`, the peak that rows tell, anew (`clear_refs` in proc(5))."""

TOLD_APART_BY = {"trial", "seed", "explained_images"}
"""Params of trainings that are compiled alike."""


def is_as_new() -> bool:
    """Give the memory of a task back to the system; False where the process cannot be made like a fresh one."""
    expect_no_preemption()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        # Freed activations are kept in the process while a task runs (`ALLOCATOR` of the supervisor).
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
    except (AttributeError, OSError):  # no glibc, no Linux
        return False
    return True


def forget_code(before: RunnerTask, task: RunnerTask) -> None:
    """Forget compiled code, unless both tasks compile the same.

    torch gives up compiling a function in the eighth form: what one task computes would depend on those before it.
    """
    alike = [
        {name: value for name, value in params.items() if name not in TOLD_APART_BY}
        for params in (before.params, task.params)
    ]
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None and alike[0] != alike[1]:
        dynamo.reset()
