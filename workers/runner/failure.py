"""From an exception of a task to the error that is shown."""

import errno
import resource
import sys
import traceback

from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError
from api_schemas.runner import Confinement
from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.labeler.diverged import TrainingDivergedError

FULL_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

FULL_DISK_MESSAGES = (
    # safetensors, which is Rust.
    "os error 28",
    "os error 27",
    # torch.save, which does not tell why: the writing, and the closing of a file that came out shorter.
    "PytorchStreamWriter failed writing",
    "unexpected pos",
)
"""Texts of the errors that are no OSError."""


DEVICE_MESSAGES = (
    "CUDA",
    "CUDNN",
    "CUBLAS",
    "CUFFT",
    "NVIDIA",
    "NVML",
    "NVRTC",
)
"""In errors of torch without a class of their own: a GPU, its driver or one of its libraries is named."""


def task_error(error: BaseException, confinement: Confinement | None = None) -> TaskError:
    """Return `error` with those who can act on it: the sender (a refused upload, a learning rate that blows training
    up, an encoding that loses too much), the operator (memory, disk, a GPU, a network to download from), or us (the
    rest).

    An upload that runs into a limit of `confinement` is refused for it: it would do so on every worker.
    """
    # Not at the top: they import numpy, which starts threads, and a process that has some cannot leave the network.
    from workers.ladd.importers.labelers.torchvision_weights import WeightsUnavailableError
    from workers.ladd.importers.reading.rejected import ImportRejected
    from workers.ladd.labels.encodings import EncodingRefusedError

    if isinstance(error, ImportRejected):
        return _rejected_input(error, error.reasons)
    if isinstance(error, TrainingDivergedError):
        reason = Reason(location="lr", rule="training_converges", value=str(error.lr), message=str(error))
        return _rejected_input(error, [reason])
    if isinstance(error, EncodingRefusedError):
        reason = Reason(location="encoding", rule="kl_limit", value=error.encoding, message=str(error))
        return _rejected_input(error, [reason])
    if isinstance(error, WeightsUnavailableError):
        reason = Reason(location="metadata.model", rule="weights_available", value=error.model, message=str(error))
        return TaskError(code=ErrorCode.UNAVAILABLE, origin=ErrorOrigin.WORKER, message=str(error), reasons=[reason])
    if confinement is not None and (limit := _limit_reached(error, confinement)) is not None:
        return _rejected_input(error, [limit])
    if is_memory_shortage(error):
        return TaskError(code=ErrorCode.OUT_OF_MEMORY, origin=ErrorOrigin.WORKER, message=_last_line(error), reasons=[])
    if _is_full_disk(error):
        return TaskError(code=ErrorCode.DISK_FULL, origin=ErrorOrigin.WORKER, message=_last_line(error), reasons=[])
    if _is_of_device(error):
        return TaskError(code=ErrorCode.DEVICE_FAILED, origin=ErrorOrigin.WORKER, message=_last_line(error), reasons=[])
    return TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INTERNAL, message=_last_line(error), reasons=[])


def _limit_reached(error: BaseException, confinement: Confinement) -> Reason | None:
    if is_memory_shortage(error) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        value, message = confinement.memory_bytes, "the upload takes more memory to read than it may"
        return Reason(location="files", rule="memory_limit", value=f"{value} bytes", message=message)
    if isinstance(error, OSError) and error.errno == errno.EFBIG and not _is_bounded_by_operator(confinement):
        value, message = confinement.file_bytes, "the upload becomes a larger file than may be written"
        return Reason(location="files", rule="file_limit", value=f"{value} bytes", message=message)
    return None


def _is_full_disk(error: BaseException) -> bool:
    """Tell whether an exception says that a file could not grow: no space, a quota, a limit of the process."""
    if isinstance(error, OSError):
        return error.errno in FULL_DISK_ERRORS
    return any(text in str(error) for text in FULL_DISK_MESSAGES)


def _is_of_device(error: BaseException) -> bool:
    """Tell whether torch says that a GPU cannot be used, or that what it was asked for went wrong on it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    known = getattr(torch, "AcceleratorError", ())
    # torch raises AssertionError where it was built without CUDA.
    said = isinstance(error, RuntimeError | AssertionError) and str(error).upper()
    return isinstance(error, known) or bool(said and any(name in said for name in DEVICE_MESSAGES))


def _is_bounded_by_operator(confinement: Confinement) -> bool:
    """Whether files may grow less here than an upload's may: another worker may have more room."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return limit != resource.RLIM_INFINITY and limit < confinement.file_bytes


def _rejected_input(error: BaseException, reasons: list[Reason]) -> TaskError:
    return TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message=str(error), reasons=reasons)


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
