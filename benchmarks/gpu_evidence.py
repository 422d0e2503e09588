"""Section `evidence`: real trainings at the paper's 1,000 epochs, and how long its evaluation would take here.

With --data come the trainings of `gpu_trainings.py`, as many as there is time for. The evaluation is 5-CAE of a set of
10 images a class at 128 px: five networks, five trials, 1,000 epochs, arm `ladd`, in `fast`; its hours follow from
measured rows, which also tell what a training will take.
"""

from functools import partial
from itertools import product
from typing import Any

from gpu_plan import NETWORKS, SAMPLED, VIEWS
from gpu_session import MIB, Session
from gpu_trainings import EPOCHS, Trainings
from interleaved import Timing
from trainings import ours
from turns import Work

from method.architectures import training_flops
from method.arms import ARMS
from method.layers import Shape
from workers.ladd.deployment.cost import TrainingCounts, training_counts
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

CLASSES, IPC, TRIALS = 10, 10, 5

HEADER = ["network", "views", "rows a second", "ms a step", "MiB", "PFLOP", "hours for 5 trials"]
NOTES = [
    f"A lap is an epoch of {CLASSES * IPC} images, one step, in `fast`. Hours: {EPOCHS:,} epochs of five trials, one "
    "after the other, from the measured rows; no compiling, no test. PFLOP: of these trainings, 1 MAC = 2.",
]


def run(session: Session) -> None:
    """Train on real data, then measure what the trainings left unmeasured. Raises TimeIsUp at the deadline."""
    session.begin(HEADER, NOTES, rounds=1)
    speeds = Speeds(session)
    if session.data is None:
        speeds.measure(*speeds.cells)
        return
    trainings = Trainings(session, session.data, speeds.seconds_a_row)
    try:
        trainings.run()
        speeds.measure(*speeds.cells)
    finally:
        trainings.print_table()


class Speeds:
    """The rows of the table, each measured when it is first asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._networks = NETWORKS[:1] if session.smoke else NETWORKS
        self._size, self._images = (32, 2) if session.smoke else (128, CLASSES * IPC)
        self.cells = {f"{network} {views}": (network, views) for views, network in product(VIEWS, self._networks)}
        self._timings: dict[str, Timing | None] = {}
        self._hours: dict[str, float] = {}

    def seconds_a_row(self, network: str) -> float | None:
        """Seconds of forward and backward of an image or view; None where they could not be measured.

        Raises TimeIsUp at the deadline.
        """
        cell = f"{network} {SAMPLED}"
        self.measure(cell)
        timing = self._timings[cell]
        return None if timing is None else timing.seconds / self._counts(cell).largest_step

    def measure(self, *cells: str) -> None:
        """Measure those that are not measured yet. Raises TimeIsUp at the deadline."""
        left = [(cell, {cell: self._work(cell)}) for cell in cells if cell not in self._timings]
        for cell, timings in self._session.timed(left):
            self._timings[cell] = timings.get(cell)
            if timings:
                self._show(cell, timings[cell])

    def _work(self, cell: str) -> Work:
        network, views = self.cells[cell]
        data: dict[str, Any] = {"architecture": network, "size": self._size, "images": self._images}
        # The engine chooses its arithmetic by the length of a training; that of a smoke run is not compiled.
        how: dict[str, Any] = {"views": views, "precision": "fast", "epochs": 2 if self._session.smoke else EPOCHS}
        return partial(ours, **data, arm="ladd", **how, device=self._session.device.type)

    def _counts(self, cell: str) -> TrainingCounts:
        network, views = self.cells[cell]
        recipe = resolve_recipe("glad", network, {"epochs": EPOCHS, "views": views})
        return training_counts(self._images, ViewGrid().count, ARMS["ladd"], recipe)

    def _show(self, cell: str, timing: Timing) -> None:
        network, views = self.cells[cell]
        counts = self._counts(cell)
        rate = counts.largest_step / timing.seconds
        self._hours[cell] = TRIALS * counts.forwards / rate / 3600
        flops = TRIALS * counts.forwards * training_flops(network, Shape(CLASSES, 3, self._size))
        self._session.row(
            [
                network,
                views,
                f"{rate:,.0f}",
                f"{timing.seconds * 1e3:,.1f}",
                f"{timing.peak_bytes / MIB:,.0f}",
                f"{flops / 1e15:,.0f}",
                f"{self._hours[cell]:.2f}",
            ]
        )
        known = [hours for each, hours in self._hours.items() if self.cells[each][1] == views]
        if len(known) == len(self._networks):
            self._session.row([f"{len(known)}-CAE", views, "", "", "", "", f"{sum(known):.2f}"])
            self._session.keep(f"hours {views}", sum(known))
