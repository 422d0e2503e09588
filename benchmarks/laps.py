"""The measured side of a benchmark: a process of its own that works lap by lap and says what each stretch took.

    python benchmarks/laps.py MODULE:FUNCTION '{"argument": value}' WARM_UP

calls FUNCTION(lap, **arguments), which works for ever and calls `lap()` after every unit of work (an epoch, a pass).
After WARM_UP laps it waits; each line on standard input is a number of laps to do, each is answered by one JSON line:
`cpu` and `wall` seconds of these laps (`cpu`: of all threads of this process) and `peak_bytes`, the most memory this
process has ever held (resident set, Linux). The first answer is that of the warm-up and everything before it. The
process ends with its input.
"""

import importlib
import json
import os
import sys
import time

import torch

from workers.ladd.engine.memory import peak_bytes

CPU = torch.device("cpu")


class EndOfLaps(Exception):  # noqa: N818 - an end, not an error
    """There is nobody to ask for more laps."""


class Laps:
    """Called after each unit of work: counts, and at the end of a stretch reports it and waits for the next."""

    def __init__(self, warm_up: int) -> None:
        # Whatever prints to standard output by itself would get between the answers.
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._left = warm_up
        self._start = (0.0, time.monotonic())

    def __call__(self) -> None:
        """Count one lap. Raises EndOfLaps when no more are wanted."""
        self._left -= 1
        if self._left:
            return
        cpu, wall = _clocks()
        answer = {"cpu": cpu - self._start[0], "wall": wall - self._start[1], "peak_bytes": peak_bytes(CPU)}
        print(json.dumps(answer), file=self._answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EndOfLaps
        self._left = int(line)
        self._start = _clocks()


def _clocks() -> tuple[float, float]:
    """CPU seconds of this process, and the time."""
    return time.process_time(), time.monotonic()


def main() -> None:
    """Import the function and let it work until the input ends."""
    module, _, name = sys.argv[1].partition(":")
    lap = Laps(int(sys.argv[3]))
    work = getattr(importlib.import_module(module), name)
    try:
        work(lap, **json.loads(sys.argv[2]))
    except EndOfLaps:
        return
    raise SystemExit(f"{sys.argv[1]} ended by itself; it must call lap() for ever")


if __name__ == "__main__":
    main()
