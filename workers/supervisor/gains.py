"""How many trainings at a time are worth it on a GPU, by what those before them have done together."""

from collections import defaultdict

WORTH = 1.1
"""How many times as much a GPU must do with one training more. The one more makes each of them later, and takes memory;
and by less than a tenth the same training differs from one run to the next (the rounds of `benchmarks/results/`)."""

MEASURED_SECONDS = 20.0
"""Of trainings side by side, before their number says anything: some thirty lines of progress from each."""

BRIEF_SECONDS = 5.0
"""A training of less is not measured: starting its process may take as long (4.7 s, decision 26), for which the GPU is
idle, so that as many are worth it as there is memory for."""


class Gains:
    """Images that trainings of each kind have done together on one GPU with so many slots, since the worker began.

    Some hundred bytes a kind. A number of trainings that was found not to be worth it is not tried again.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._done: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[tuple[str, int], float] = defaultdict(float)
        self._brief: set[str] = set()

    def note(self, kind: str, width: int, done: int, seconds: float) -> None:
        """Add that one of `width` trainings of a kind, all of them at work, did so many images in so many seconds."""
        self._done[kind, width] += done
        self._seconds[kind, width] += seconds

    def note_brief(self, kind: str) -> None:
        """Note that a training of this kind is over within `BRIEF_SECONDS`."""
        self._brief.add(kind)

    def together(self, kind: str, width: int) -> float | None:
        """Return the images per second that `width` trainings of a kind do together; None where it is not measured."""
        seconds = self._seconds.get((kind, width), 0.0)
        return width * self._done[kind, width] / seconds if seconds >= width * MEASURED_SECONDS else None

    def most(self, kind: str) -> int:
        """Return how many trainings of a kind should run at most: one more is tried once so many are measured."""
        if kind in self._brief:
            return self._slots
        before = 0.0
        for width in range(1, self._slots + 1):
            here = self.together(kind, width)
            if here is None:
                return width
            if here < WORTH * before:
                return width - 1
            before = here
        return self._slots

    def in_words(self, kind: str) -> str:
        """Return what was measured of a kind, for a log: `1: 480, 2: 610 images/s`."""
        told = ((width, self.together(kind, width)) for width in range(1, self._slots + 1))
        return ", ".join(f"{width}: {rate:.3g}" for width, rate in told if rate is not None) + " images/s"
