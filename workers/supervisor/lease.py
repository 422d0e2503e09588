"""Keeping the lease of a task, and noticing when the task has to stop."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from redis.exceptions import RedisError

from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask

logger = logging.getLogger(__name__)

Interruption = Literal["canceling", "lost", "timeout", "stalled", "shutdown"]

LONGEST_PAUSE = 1.0
"""Seconds between two renewals at most: renewing is also how a cancellation is seen."""

TICK = 0.2


class LeaseKeeper:
    """Renews the lease in a thread while the context is open, and notes when the task must stop.

    It must stop when it is canceled, when the lease is lost, when this worker shuts down, when its runner has not ended
    after `timeout_seconds`, and when that has not `moved` for `stall_seconds`. The lease is renewed even then, unless
    it is lost, so that the end of the task can be recorded.

    A Redis that does not answer is no reason to stop, however long: nobody else can take the task meanwhile, and leases
    that ran out in an outage are given another period. Only a worker that alone is cut off computes in vain.
    """

    def __init__(self, core: Core, claimed: ClaimedTask, shutting_down: threading.Event) -> None:
        self.interruption: Interruption | None = None
        self.waiting_is_vain = threading.Event()
        """Set when nothing is to be recorded any more that waits for a server: the task is no longer ours to finish, or
        this worker goes."""
        self._core = core
        self._claimed = claimed
        self._shutting_down = shutting_down
        self._interrupt: Callable[[Interruption], None] = lambda why: None
        self._deadline: float | None = None
        self._moved_at: float | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease of {claimed.name}", daemon=True)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def watching(self, interrupt: Callable[[Interruption], None]) -> Iterator[None]:
        """While the runner works, call `interrupt` with the reason when the task must stop; at once if it must already.

        What comes before and after, fetching its inputs and storing what it made, may take any time.
        """
        with self._lock:
            self._interrupt = interrupt
            if self.interruption is not None:
                interrupt(self.interruption)
        self._deadline = time.monotonic() + self._claimed.timeout_seconds
        self.moved()
        try:
            yield
        finally:
            self._deadline = self._moved_at = None
            with self._lock:
                self._interrupt = lambda why: None

    def moved(self) -> None:
        """Note that the runner got on."""
        self._moved_at = time.monotonic()

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Do not take for standing still what is done inside: the runner waits for us, or works unseen."""
        self._moved_at = None
        try:
            yield
        finally:
            self.moved()

    def _keep(self) -> None:
        lease = self._core.settings.lease_seconds
        pause = min(lease / 3, LONGEST_PAUSE)
        asked = time.monotonic()
        while not self._over.wait(min(TICK, pause)):
            now = time.monotonic()
            if self._shutting_down.is_set():
                self._stop("shutdown")
            deadline, moved_at = self._deadline, self._moved_at
            if deadline is not None and now > deadline:
                self._stop("timeout")
            if moved_at is not None and now - moved_at > self._claimed.stall_seconds:
                self._stop("stalled")
            if now - asked < pause:
                continue
            asked = now
            try:
                answer = tasks.renew(self._core, self._claimed)
            except (RedisError, ServiceError) as error:
                logger.warning("%s: the lease could not be renewed: %s", self._claimed.name, error)
                continue
            if answer != "held":
                self._stop(answer)

    def _stop(self, why: Interruption) -> None:
        if why in ("canceling", "lost", "shutdown"):
            self.waiting_is_vain.set()
        with self._lock:
            if self.interruption is None:
                logger.info("%s: stopping (%s)", self._claimed, why)
                self.interruption = why
                self._interrupt(why)
