"""Seats on a GPU: a slot takes one before it claims a task, where one training more is worth it (`gains.py`).

A task that was claimed and then had to wait would be kept from workers with an idle GPU.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workers.supervisor.gains import BRIEF_SECONDS, Gains

logger = logging.getLogger(__name__)

UNKNOWN = ""
"""The kind of what a slot will claim: of it nothing is known, so that it begins alone."""

LOOK_SECONDS = 0.2


class Neighbours:
    """Those who have a seat on one GPU."""

    def __init__(self, gpu: str, gains: Gains, clock: Callable[[], float] = time.monotonic) -> None:
        self.gpu, self.gains, self.clock = gpu, gains, clock
        self.lock = threading.Lock()
        self.seated: list[Seat] = []
        self.changes = 0
        """Counts whatever changes how fast the others are: a task that begins to compute, or ends."""

    @property
    def is_open(self) -> bool:
        """Whether one more is worth it: to all, and once it is known what they do."""
        return not self._kinds or len(self._kinds) < min(map(self.gains.most, self._kinds))

    @property
    def are_too_many(self) -> bool:
        """Whether one less would be better."""
        known = [kind for kind in self._kinds if kind != UNKNOWN]
        return len(known) > min(map(self.gains.most, known), default=0)

    @property
    def _kinds(self) -> list[str]:
        """Of those that are measured, or not known yet; memory alone decides about others."""
        return [seat.kind for seat in self.seated if seat.kind is not None]


class Seat:
    """The seat of one slot; it is taken or free. Safe to call from several threads."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.kind: str | None = UNKNOWN
        """Of the task that the slot has, or had last; None: not measured."""
        self.neighbours = neighbours
        self._computes = False
        self._is_whole = False
        self._began: float | None = None
        self._told: tuple[float, int, int] | None = None
        """When the task got on last, how much was done, and how many changes there had been."""

    @property
    def is_open(self) -> bool:
        """Whether one more task is worth it."""
        with self.neighbours.lock:
            return self.neighbours.is_open

    @contextmanager
    def taken(self, shutting_down: threading.Event) -> Iterator[None]:
        """Wait until one more task is worth it, or the worker is `shutting_down`, and hold the seat."""
        while not self._sits_down() and not shutting_down.wait(LOOK_SECONDS):
            pass
        try:
            yield
        finally:
            with self.neighbours.lock:
                self._leave()

    def stays(self) -> bool:
        """Tell whether the slot is to go on with another task; it has lost the seat where there are too many."""
        with self.neighbours.lock:
            if self.neighbours.are_too_many if self.kind is not None else not self.neighbours.is_open:
                self._leave()
                return False
            return True

    @contextmanager
    def working(self, kind: str | None, is_whole: bool = True) -> Iterator[None]:
        """While the runner does a task of this kind; `is_whole`: from its beginning, from no checkpoint."""
        with self.neighbours.lock:
            self.kind, self._is_whole = kind, is_whole
            self._told = self._began = None
        try:
            yield
        finally:
            with self.neighbours.lock:
                self._computes = False
                self.neighbours.changes += 1

    def progressed(self, done: int, total: int) -> None:
        """Note how far the task is. What was done since the last time counts where all seats were at the same work.

        The first step does not: it may compile, and leave the GPU to the others.
        """
        kind = self.kind
        if kind is None:
            return
        with self.neighbours.lock:
            now = self.neighbours.clock()
            if self._told is None:
                self._began = now if done == 0 and self._is_whole else None
            elif done > self._told[1]:
                self._got_on(kind, done, now)
                if done >= total and self._began is not None and now - self._began < BRIEF_SECONDS:
                    self.neighbours.gains.note_brief(kind)
            else:
                return
            self._told = (now, done, self.neighbours.changes)

    def _got_on(self, kind: str, done: int, now: float) -> None:
        assert self._told is not None
        at, before, changes = self._told
        seated = self.neighbours.seated
        if not self._computes:
            self._computes = True
            self.neighbours.changes += 1
        elif changes == self.neighbours.changes and all(seat.kind == kind and seat._computes for seat in seated):
            gains = self.neighbours.gains
            most = gains.most(kind)
            gains.note(kind, len(seated), done - before, now - at)
            if gains.most(kind) != most:
                told = gains.in_words(kind)
                logger.info(
                    "GPU %s: now at most %d at a time of %s (%s)", self.neighbours.gpu, gains.most(kind), kind, told
                )

    def _sits_down(self) -> bool:
        with self.neighbours.lock:
            if self.neighbours.is_open:
                self.kind = UNKNOWN
                self.neighbours.seated.append(self)
            return self in self.neighbours.seated

    def _leave(self) -> None:
        if self in self.neighbours.seated:
            self.neighbours.seated.remove(self)
            self.neighbours.changes += 1
