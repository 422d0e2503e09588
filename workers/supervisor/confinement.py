"""The limits of runners that read a user's bytes, and what the death of such a runner means."""

import signal
from dataclasses import dataclass

from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError
from api_schemas.runner import Confinement, TaskType
from service.core.foundation.settings import Queue, Settings
from service.core.kinds.ingest_dataset import SMALL_SECONDS
from service.core.kinds.task_types import TASKS
from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.slots import IO

FILE_BYTES = 33 << 30
"""Largest file that may be written: the importers' bound on decoded pixels (32 GiB), and room for a header."""

OPEN_FILES = 512
"""An import has some 30 files open: an upload's (64 at the most), the arrays it writes, torch's libraries."""

FAULTS = (
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGSYS,
    signal.SIGXCPU,
    signal.SIGXFSZ,
)
"""How a process dies by what it does itself. SIGKILL comes from outside, and another try helps."""

TIMELY_TRIES = 2
"""How often an upload is tried that is not read in its time: the clock does not tell a file that takes for ever from a
machine that swaps or a disk that hangs, a second try does."""


def confinement_of(claimed: ClaimedTask, settings: Settings, upload_bytes: int, threads: int) -> Confinement | None:
    """Return the limits of a task whose uploads have `upload_bytes`; None: it reads nothing of a user's.

    The cap grows with the upload, since tensors and their checks lie in memory, so that a small file costs little.
    """
    if not TASKS[claimed.type].reads_uploads:
        return None
    return Confinement(
        memory_bytes=settings.import_memory_bytes + 2 * upload_bytes,
        file_bytes=FILE_BYTES,
        cpu_seconds=claimed.timeout_seconds * threads,
        open_files=OPEN_FILES,
        network=_downloads(claimed),
    )


def _downloads(claimed: ClaimedTask) -> bool:
    """Tell whether the runner reads no upload but fetches pretrained weights itself."""
    kind: str | None = claimed.params.get("metadata", {}).get("kind")
    return kind == "torchvision"


def small_seconds(claimed: ClaimedTask) -> float | None:
    """Return how much processor time the reading may take of an upload that passes for a small one; None: of others."""
    return SMALL_SECONDS if claimed.queue == IO and TASKS[claimed.type].reads_uploads else None


@dataclass(frozen=True)
class Moved:
    """The end of a reader whose task is to begin anew in another queue."""

    queue: Queue


def moved(claimed: ClaimedTask, number: int | None) -> Moved | None:
    """Return where a task belongs whose reader signal `number` ended as it took longer than `small_seconds`."""
    return Moved("cpu") if number == signal.SIGPROF and small_seconds(claimed) is not None else None


def fault_of_upload(type: TaskType, number: int | None, failure_summary: str) -> TaskError | None:
    """Return the refusal of an upload whose reader died of signal `number`; None where that came from outside.

    A reader that crashes on some bytes crashes on them again: the sender is told at once instead of after three tries.
    """
    if not TASKS[type].reads_uploads or number not in FAULTS:
        return None
    name = signal.strsignal(number)
    message = f"The process that reads uploads died of this one ({name}); send it in another form."
    reason = Reason(location="files", rule="reader_survives", value=f"signal {number}: {name}", message=message)
    return TaskError(
        code=ErrorCode.REJECTED_INPUT,
        origin=ErrorOrigin.INPUT,
        message=f"{message}\n{failure_summary}",
        reasons=[reason],
    )


def out_of_time(claimed: ClaimedTask, seconds: int, message: str) -> TaskError:
    """Return what to record of a runner that was stopped by the clock; an upload that it read is the reason."""
    reasons = []
    if TASKS[claimed.type].reads_uploads and not _downloads(claimed):
        told = f"The upload could not be read: {message}."
        reasons.append(Reason(location="files", rule="time_limit", value=f"{seconds} s", message=told))
    return TaskError(code=ErrorCode.TIMEOUT, origin=ErrorOrigin.TIMEOUT, message=message, reasons=reasons)
