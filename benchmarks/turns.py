"""Variants of the same work in turns within one process, so that imports, context and compiler are paid for once.

What `interleaved.py` does with processes on a CPU this does with threads on a GPU: every variant works in a thread of
its own, and only when it is asked to. Rounds are A B C C B A as there.
"""

import gc
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from interleaved import Deadline, TimeIsUp, Timing
from laps import EndOfLaps

COMPILING = 2
"""First laps, in which code is compiled and kernels are chosen."""

SETTLING, SETTLING_STRETCHES = 30, 6
"""So many further laps, or stretches where that is less, before the clock starts: an engine that records a graph for
each of six drawn augmentations has then seen them (in 30 laps all six, 97 times in 100). `Timing.warm_up` has both."""

Work = Callable[[Callable[[], None]], None]
"""Works for ever, and calls its argument after every lap."""

_backends: Any = torch.backends
MODES: tuple[tuple[Any, str], ...] = (
    (_backends.cudnn.conv, "fp32_precision"),
    (_backends.cuda.matmul, "fp32_precision"),
    (_backends.cudnn, "benchmark"),
    (_backends.cudnn, "deterministic"),
)
"""Settings of the whole process that a variant may change: each finds its own again when its turn comes."""


class Turn:
    """A variant that works when it is asked."""

    def __init__(self, work: Work, device: torch.device) -> None:
        self._work, self._device = work, device
        self._modes = self._outside = _modes()
        self._left, self._over = 0, False
        self._started = self._seconds = 0.0
        self._error: BaseException | None = None
        self._asked, self._answered = threading.Semaphore(0), threading.Semaphore(0)
        # A daemon, because at the deadline nobody waits for its compiler.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self, wait: bool = True) -> None:
        """Let it stop where it stands, between two laps."""
        self._over = True
        self._asked.release()
        if wait:
            self._thread.join()

    def laps(self, count: int, deadline: Deadline) -> float:
        """Do some laps; returns their seconds. Raises TimeIsUp at the deadline, and what the work raises."""
        self._left = count
        self._asked.release()
        if not self._answered.acquire(timeout=deadline.left()):
            raise TimeIsUp
        if self._error is not None:
            raise self._error
        return self._seconds

    def _run(self) -> None:
        try:
            self._wait()
            # In this very thread: cuDNN keeps an algorithm for each shape and thread, so a backward pass in autograd's
            # own thread would go on with what another variant has chosen there.
            with torch.autograd.set_multithreading_enabled(False):
                self._work(self._lap)
        except EndOfLaps:
            pass
        except BaseException as error:
            self._error = error
        _set_modes(self._outside)
        self._answered.release()

    def _lap(self) -> None:
        self._left -= 1
        if self._left:
            return
        synchronize(self._device)
        self._seconds = time.monotonic() - self._started
        self._modes = _modes()
        _set_modes(self._outside)
        self._answered.release()
        self._wait()

    def _wait(self) -> None:
        self._asked.acquire()
        if self._over:
            raise EndOfLaps
        self._outside = _modes()
        _set_modes(self._modes)
        self._started = time.monotonic()


def measure(
    variants: Mapping[str, Work],
    device: torch.device,
    rounds: int,
    deadline: Deadline,
    stretch: float,
) -> tuple[dict[str, Timing], dict[str, str]]:
    """Time the variants against each other; returns the timings by name, and why those are missing that failed.

    A variant's peak is what torch's tensors took from its start to the end of its warm-up, without what lay on the
    device before; 0 on a CPU. Raises TimeIsUp at the deadline.
    """
    forget_code()
    turns: dict[str, Turn] = {}
    warm_ups, peaks, laps, failed = dict[str, float](), dict[str, int](), dict[str, int](), dict[str, str]()
    try:
        for name, work in variants.items():
            before = reset_peak(device)
            turns[name] = Turn(work, device)
            try:
                warm_ups[name], single = _warm_up(turns[name], deadline, stretch)
            except TimeIsUp:
                raise
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                # With the error go the tensors of its frames.
                del turns[name]
                continue
            peaks[name] = _peak(device) - before
            laps[name] = max(1, math.ceil(stretch / single))
        taken: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(rounds):
            spent = dict.fromkeys(turns, 0.0)
            for name in [*turns, *reversed(turns)]:
                spent[name] += turns[name].laps(laps[name], deadline)
            for name, seconds in spent.items():
                taken[name].append(seconds / (2 * laps[name]))
    except TimeIsUp:
        # One of them may sit in the compiler.
        for turn in turns.values():
            turn.end(wait=False)
        raise
    for turn in turns.values():
        turn.end()
    return {name: Timing(taken[name], warm_ups[name], peaks[name]) for name in turns}, failed


def _warm_up(turn: Turn, deadline: Deadline, stretch: float) -> tuple[float, float]:
    """Seconds of the warm-up, and of one lap after it."""
    taken = turn.laps(COMPILING, deadline)
    single = max(turn.laps(1, deadline), 1e-5)
    if further := min(SETTLING, math.ceil(SETTLING_STRETCHES * stretch / single)):
        taken += turn.laps(further, deadline)
    return taken, single


def synchronize(device: torch.device) -> None:
    """Wait until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _modes() -> list[Any]:
    return [getattr(backend, name) for backend, name in MODES]


def _set_modes(modes: list[Any]) -> None:
    for (backend, name), value in zip(MODES, modes, strict=True):
        setattr(backend, name, value)


def forget_code() -> None:
    """Forget what was compiled: networks share their code, and a process compiles only so many forms of one code."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def reset_peak(device: torch.device) -> int:
    """Count the peak of a GPU's memory anew; returns the bytes that lie on it, 0 of a CPU."""
    if device.type != "cuda":
        return 0
    # Networks of variants that are through lie in cycles.
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
