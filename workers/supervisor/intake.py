"""Whether this worker takes tasks: not while its storage is away, and after a failure of its own only after a pause."""

import logging
import threading
import time

from service.core.foundation.errors import ServiceError, in_words
from service.core.objects.storage import Storage

LONGEST_PAUSE = 60.0
TICK = 0.5

logger = logging.getLogger(__name__)


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row: 1, 2, 4 and so on, at most a minute."""
    return min(2.0 ** min(failures - 1, 10), LONGEST_PAUSE)


class Intake:
    """Closed until the storage has answered, and again when a task could not be started.

    A task that is given back can be taken again at once: without a pause, a worker with a wrong bucket or clock would
    take and release every task there is, all the time.
    """

    def __init__(self, storage: Storage) -> None:
        self.trouble: str | None = "the object storage has not answered yet"
        """Why nothing is taken at the moment; None: tasks are."""
        self._storage = storage
        self._failures = 0
        self._ask_at = 0.0
        self._lock = threading.Lock()

    def watch(self, stop: threading.Event) -> None:
        """Ask the storage for a sign of life until `stop` is set: every minute, and when a pause is over."""
        while not stop.is_set():
            if time.monotonic() >= self._ask_at:
                self.ask()
            stop.wait(TICK)

    def ask(self) -> None:
        """Open if the storage takes an object, close if not."""
        known = self._failures
        try:
            self._storage.check()
        except ServiceError as error:
            self.failed(error)
            return
        with self._lock:
            if self._failures == known:  # no task has failed meanwhile
                self.trouble = None
                self._ask_at = time.monotonic() + LONGEST_PAUSE

    def failed(self, error: Exception) -> None:
        """Close for a while, longer with each failure in a row: a task could not be started."""
        with self._lock:
            self._failures += 1
            pause = pause_after(self._failures)
            self.trouble = in_words(error)
            self._ask_at = time.monotonic() + pause
        logger.warning("no task is taken for %g s: %s", pause, self.trouble)

    def succeeded(self) -> None:
        """Note that a task could be started: the next failure is the first."""
        with self._lock:
            self._failures = 0

    def wait(self, stop: threading.Event) -> None:
        """Wait until tasks are taken, or `stop` is set."""
        while self.trouble is not None and not stop.wait(TICK):
            pass
