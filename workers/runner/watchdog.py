"""A runner never outlives its supervisor: it holds the other end of our standard input and keeps it open."""

import os
import threading

ORPHANED = 70
"""Exit status of a runner whose supervisor is gone (EX_SOFTWARE of sysexits.h)."""


def start_watchdog(descriptor: int = 0) -> None:
    """End this process as soon as the pipe `descriptor` (standard input) is at its end.

    A supervisor killed with SIGKILL tells nobody; its end of the pipe is closed by the kernel all the same.
    """
    threading.Thread(target=_exit_at_end, args=(descriptor,), name="watchdog", daemon=True).start()


def _exit_at_end(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        pass
    os._exit(ORPHANED)
