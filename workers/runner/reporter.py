"""Events from the runner to its supervisor: one JSON line per event, at least one progress line a second."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, BinaryIO, Literal

from api_schemas.runner import (
    CheckpointEvent,
    DoneEvent,
    FailedEvent,
    LogEvent,
    MetricEvent,
    ProgressEvent,
    RowEvent,
    RunnerEvent,
)

SHORTEST_PAUSE = 0.5
"""Seconds between two progress lines at least, unless the stage is complete."""

LONGEST_PAUSE = 0.75
"""Seconds after which the last progress is told again; with `TICK` that is at least once a second."""

TICK = 0.25
RATE_WINDOW = 30.0
"""Seconds over which the rate is taken: long enough to be calm, short enough to follow a change of pace."""


Progress = Callable[[int, int], None]
"""Called with how many units are done, and how many there are."""


class Reporter:
    """Writes events to `stream`, one JSON object per line. Safe to call from several threads.

    A context manager: inside, a thread tells the latest progress of the current stage every second, with a fresh
    rate and remaining time, so that a reader sees a slow step from a dead one.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._finished = threading.Event()
        self._heartbeat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._stage: tuple[str, str] | None = None
        self._done = self._total = 0
        self._changes: deque[tuple[float, int]] = deque()
        self._told_at = 0.0
        self._untold = False

    def __enter__(self) -> "Reporter":
        self._heartbeat.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._finished.set()
        self._heartbeat.join()

    def stage(self, name: str, unit: str) -> Progress:
        """Begin a stage counted in `unit`; call what is returned with how many are done, and of how many.

        The first call counts as the start: what a resumed stage finds done does not count as speed.
        """
        with self._lock:
            if self._untold:
                self._tell_progress()
            self._stage = (name, unit)
            self._changes.clear()
        return self._progress

    def metric(self, name: str, values: dict[str, Any]) -> None:
        """Tell named numbers, such as those of one epoch."""
        self._write(MetricEvent(event="metric", name=name, values=values))

    def row(self, values: dict[str, Any]) -> None:
        """Tell a partial result, such as one finished trial."""
        self._write(RowEvent(event="row", values=values))

    def log(self, message: str, level: Literal["info", "warning"] = "info") -> None:
        """Tell a line for the reader of the job's log."""
        self._write(LogEvent(event="log", level=level, message=message))

    def checkpoint(self, files: Sequence[str]) -> None:
        """Have `files` of the folder `checkpoint/` kept for a later attempt.

        Put a newer version in place with `os.replace`: the file is read after this call has returned.
        """
        self._write(CheckpointEvent(event="checkpoint", files=list(files)))

    def end(self, event: DoneEvent | FailedEvent) -> None:
        """Tell how the task ended; the last event."""
        with self._lock:
            if self._untold:
                self._tell_progress()
            self._stage = None
            self._write(event)

    def _progress(self, done: int, total: int) -> None:
        with self._lock:
            now = monotonic()
            if changed := not self._changes or done != self._done:
                self._changes.append((now, done))
            self._done, self._total, self._untold = done, total, True
            if now - self._told_at >= SHORTEST_PAUSE or (changed and done >= total):
                self._tell_progress()

    def _beat(self) -> None:
        while not self._finished.wait(TICK):
            with self._lock:
                pause = monotonic() - self._told_at
                if pause >= LONGEST_PAUSE or (self._untold and pause >= SHORTEST_PAUSE):
                    self._tell_progress()

    def _tell_progress(self) -> None:
        if self._stage is None or not self._changes:
            return
        name, unit = self._stage
        self._told_at, self._untold = monotonic(), False
        rate = self._rate(self._told_at)
        self._write(
            ProgressEvent(
                event="progress",
                stage=name,
                done=self._done,
                total=self._total,
                unit=unit,
                rate=rate,
                eta_seconds=max(self._total - self._done, 0) / rate if rate else None,
            )
        )

    def _rate(self, now: float) -> float | None:
        # Always keep the change before the last one: a single step may take longer than the window.
        while len(self._changes) > 2 and self._changes[1][0] <= now - RATE_WINDOW:
            self._changes.popleft()
        if len(self._changes) < 2:
            return None
        since, done = self._changes[0]
        return max(self._done - done, 0) / (now - since) if now > since else None

    def _write(self, event: RunnerEvent) -> None:
        with self._lock:
            self._stream.write(event.model_dump_json().encode() + b"\n")
            self._stream.flush()
