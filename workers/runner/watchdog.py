"""A runner never outlives its supervisor: it holds the other end of our standard input and keeps it open."""

import os
import threading
from pathlib import Path
from queue import SimpleQueue

ORPHANED = 70
"""Exit status of a runner whose supervisor is gone, or has no more tasks for it (EX_SOFTWARE of sysexits.h)."""


def start_watchdog(descriptor: int = 0) -> "SimpleQueue[Path]":
    """End this process as soon as the pipe `descriptor` (standard input) is at its end; returns the paths it carries.

    One path a line: the folders of further tasks. A supervisor killed with SIGKILL tells nobody; its end of the pipe is
    closed by the kernel all the same.
    """
    folders: SimpleQueue[Path] = SimpleQueue()
    threading.Thread(target=_exit_at_end, args=(descriptor, folders), name="watchdog", daemon=True).start()
    return folders


def _exit_at_end(descriptor: int, folders: "SimpleQueue[Path]") -> None:
    with os.fdopen(descriptor, "rb", closefd=False) as lines:
        for line in lines:
            folders.put(Path(os.fsdecode(line.removesuffix(b"\n"))))
    os._exit(ORPHANED)
