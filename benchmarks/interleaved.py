"""The measuring side of a benchmark: variants of the same work, each in a process of its own, taken in turns.

A round is A B C C B A: what drifts, such as clock rates or a neighbour's load, falls on all alike, and a ratio is taken
within its round. Every process has one thread, and its own CPU time counts. `turns.py` is the same for a GPU.
"""

import json
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[1]
LAPS = Path(__file__).with_name("laps.py")

WARM_UP = 2
"""Laps before the clock starts: in the first one kernels are chosen and, where the engine compiles, code is made."""

STRETCH_SECONDS = 0.3
"""Laps are put together until a stretch takes so long; below it the clocks' resolution and other work show."""


class TimeIsUp(Exception):  # noqa: N818 - an end, not an error
    """The benchmark may not take longer."""


@dataclass(frozen=True)
class Variant:
    """One way to do the work: a function of a benchmark's module, called with (lap, **arguments) in its own process.

    `ours`: under the environment that our runner has; otherwise with one thread and all else as it comes.
    """

    name: str
    function: str
    arguments: dict[str, Any]
    ours: bool = True


@dataclass(frozen=True)
class Timing:
    """Seconds of a lap in every round, of the warm-up in all, and the process's peak memory in bytes."""

    rounds: list[float]
    warm_up: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Median over the rounds."""
        return median(self.rounds)

    def times_faster(self, other: "Timing") -> tuple[float, float, float]:
        """Return median, lowest and highest ratio of the other's time to this one's, each within a round."""
        ratios = [theirs / own for theirs, own in zip(other.rounds, self.rounds, strict=True)]
        return median(ratios), min(ratios), max(ratios)


class Deadline:
    """A moment until which there is time; None: for ever."""

    def __init__(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds left, None for ever. Raises TimeIsUp when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeIsUp
        return None if left == math.inf else left


class Process:
    """A variant at work. Leaving the context ends it."""

    def __init__(self, variant: Variant) -> None:
        self._name = variant.name
        arguments = json.dumps({**variant.arguments, "device": "cpu"})
        self._process = subprocess.Popen(
            [sys.executable, str(LAPS), variant.function, arguments, str(WARM_UP)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(variant.ours),
        )
        self.pid = self._process.pid

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, laps: int, deadline: Deadline) -> tuple[float, int]:
        """Do some laps; returns their seconds and the peak memory in bytes."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{laps}\n")
        self._process.stdin.flush()
        return self.answer(deadline)

    def answer(self, deadline: Deadline) -> tuple[float, int]:
        """Wait for an answer. Raises TimeIsUp, and RuntimeError when the process ended in an error instead."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], deadline.left())[0]:
            raise TimeIsUp
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self._name!r} ended with status {self._process.wait()}")
        answer = json.loads(line)
        return answer["cpu"], answer["peak_bytes"]


def measure(
    variants: Sequence[Variant], rounds: int, deadline: Deadline, stretch: float = STRETCH_SECONDS
) -> list[Timing]:
    """Time the variants against each other, in stretches of laps of so many seconds.

    All of them exist at the same time, but only one of them works. Raises TimeIsUp at the deadline and RuntimeError
    when one of them fails; none is left running.
    """
    with ExitStack() as stack:
        processes, warm_ups = [], []
        for variant in variants:
            processes.append(stack.enter_context(Process(variant)))
            warm_ups.append(processes[-1].answer(deadline)[0])
        # The clock of CPU time may stand still for a short lap.
        single = [max(process.run(1, deadline)[0], 1e-5) for process in processes]
        laps = [max(1, math.ceil(stretch / seconds)) for seconds in single]
        taken_in_rounds: list[list[float]] = [[] for _ in variants]
        peaks = [0] * len(variants)
        for _ in range(rounds):
            spent = [0.0] * len(variants)
            for place in [*range(len(variants)), *reversed(range(len(variants)))]:
                taken, peaks[place] = processes[place].run(laps[place], deadline)
                spent[place] += taken
            for place, total in enumerate(spent):
                taken_in_rounds[place].append(total / (2 * laps[place]))
    return [Timing(*timing) for timing in zip(taken_in_rounds, warm_ups, peaks, strict=True)]


def _environment(ours: bool) -> dict[str, str]:
    # Here, because a GPU machine has what reads deadlines and timings of this module, and no pydantic.
    from api_schemas.runner import TaskType
    from workers.supervisor.runner_process import INHERITED, runner_environment
    from workers.supervisor.slots import Slot

    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if ours:
        return runner_environment(Slot(gpu=None, slots=2), TaskType.EVALUATE, Path.home()) | one_thread
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"HOME": str(Path.home()), "PYTHONPATH": str(ROOT)} | one_thread
