"""The memory of a GPU that several tasks share: one begins beside others where what both may take fits."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from api_schemas.runner import TaskType
from service.core.kinds.task_types import TASKS

MOST_SLOTS = 4
"""Of a GPU, chosen by its memory: three trainings have shared one (H200); of more nothing is known."""

SLOT_BYTES = 16 << 30
"""For which a GPU has a slot, and what a task counts as whose memory is not predicted: twice the 7.3 GB that the
largest of the five networks took at 128 px (ResNet18, float32, 64 rows at a time, H200)."""

LOOK_SECONDS = 0.2


def slots_of_memory(total: int) -> int:
    """Return how many tasks at a time a GPU with `total` bytes has room for."""
    return max(1, min(MOST_SLOTS, total // SLOT_BYTES))


def needed_bytes(type: TaskType, total: int, slots: int) -> int:
    """Return what a task counts as on a GPU with `total` bytes and so many slots.

    A trial counts as an equal part, to which its micro-batches are cut. Trainings of labelers and dense labels forward
    as many images as their request says.
    """
    part = total // slots
    return part if TASKS[type].in_crowds else max(part, SLOT_BYTES)


def fits(total: int, taken: Sequence[int], needed: int) -> bool:
    """Tell whether a task may begin beside those that have `taken` so many bytes; alone, any may."""
    return not taken or sum(taken) + needed <= total


@dataclass
class Stay:
    """A task's time on a GPU: of a second beside two others it has held a third."""

    seconds: float = 0.0
    """Known when the task is over."""


class GpuRoom:
    """A GPU with `total` bytes and so many slots. Tasks that must wait begin in the order in which they came."""

    def __init__(self, total: int, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._slots, self._clock = total, slots, clock
        self._taken: list[int] = []
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()
        self._share, self._counted_at = 0.0, clock()
        """Seconds of the GPU that a task has held which was there from the start."""

    @contextmanager
    def taken_by(self, type: TaskType, is_vain: Callable[[], bool]) -> Iterator[Stay]:
        """Wait until a task fits, and hold its bytes; do not wait any longer once that `is_vain`."""
        stay = Stay()
        needed, ticket = needed_bytes(type, self._total, self._slots), object()
        with self._changed:
            self._waiting.append(ticket)
            while not (self._waiting[0] is ticket and fits(self._total, self._taken, needed)) and not is_vain():
                self._changed.wait(LOOK_SECONDS)
            self._waiting.remove(ticket)
            began = self._counted()
            self._taken.append(needed)
        try:
            yield stay
        finally:
            with self._changed:
                stay.seconds = self._counted() - began
                self._taken.remove(needed)
                self._changed.notify_all()

    def _counted(self) -> float:
        now = self._clock()
        self._share += (now - self._counted_at) / max(1, len(self._taken))
        self._counted_at = now
        return self._share
