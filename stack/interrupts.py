"""Signals that stop what runs: the first one raises KeyboardInterrupt, and no further one disturbs the stopping."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.01
"""Pause before an interrupt that was swallowed is raised again."""


class Interrupts:
    """The effect of the signals so far."""

    stopping = False
    """Whether it was interrupted, or stops by itself: whoever stops sets it.

    As the first statement of a `finally`, a plain assignment: Python looks for signals at calls, so none comes between.
    """

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self.stopping:
            self.stopping = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    def swallowed(self) -> None:
        """Raise it again, since Python swallows what is raised while a finaliser or a weakref's callback runs."""
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
        # At the very end: raised in here it would be swallowed for good. An alarm before this one has a next one.
        self.stopping = False


@contextmanager
def signals_interrupt() -> Iterator[Interrupts]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; only the main thread may set that, in others nothing changes.

    After the first of them the others do nothing: make passes on what it was sent itself, so that a signal to the
    process group comes twice. Ctrl-C counts also where a shell starts what runs in the background with Ctrl-C ignored:
    whoever sends it by hand means it.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    hook = sys.unraisablehook

    def unraisable(found: "sys.UnraisableHookArgs") -> None:
        if found.exc_type is KeyboardInterrupt:
            interrupts.swallowed()
        else:
            hook(found)

    before = {number: signal.signal(number, interrupts.interrupt) for number in (*STOPPING, signal.SIGALRM)}
    sys.unraisablehook = unraisable
    try:
        yield interrupts
    finally:
        sys.unraisablehook = hook
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
