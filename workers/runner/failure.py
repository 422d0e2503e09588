"""What an exception of a task means to those who wait for it."""

import sys
import traceback

from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError


def task_error(error: BaseException) -> TaskError:
    """Who can do something about `error`: the sender (a refused upload), the operator (memory), or we (the rest)."""
    from workers.ladd.importers.rejected import ImportRejected

    if isinstance(error, ImportRejected):
        reasons = [Reason(**reason) for reason in error.reasons]
        return TaskError(
            code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message=_last_line(error), reasons=reasons
        )
    if _is_out_of_memory(error):
        return TaskError(code=ErrorCode.OUT_OF_MEMORY, origin=ErrorOrigin.WORKER, message=_last_line(error), reasons=[])
    return TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message=_last_line(error), reasons=[])


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    # On the CPU torch has no class for it, only this text.
    return torch is not None and (
        isinstance(error, torch.OutOfMemoryError)
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error))
    )


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
