"""A runner whose worker shuts down saves what it has done and ends; the next attempt goes on from there."""

import signal
import sys
from types import FrameType


class Preemption:
    """From its making on, SIGUSR1 preempts the work instead of ending the process, as is its default."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGUSR1, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def is_asked(self) -> bool:
        """Whether the work is to be saved now."""
        return self._asked

    def end_if_asked(self) -> None:
        """End the process without a result, once the work has been saved."""
        if self._asked:
            sys.exit()


def expect_no_preemption() -> None:
    """Have SIGUSR1 end the process again: there is no work to save."""
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
