"""How time grows: with images, with N of the N x N views, with classes and with trials, each doubled four times.

    python benchmarks/growth.py

Prints the exponent of every doubling and of the fit through all of them: 0 is flat, 1 linear, 2 quadratic.
"""

import math
from itertools import pairwise
from statistics import linear_regression
from typing import Any

from bench_options import measure_cells, parse
from bench_report import Report
from interleaved import Timing, Variant
from random_sets import random_labelled_set
from trainings import Lap

from method.arms import ARMS
from workers.ladd.deployment.training import train_trial
from workers.ladd.engine.seeds import trial_seed
from workers.ladd.recipes import resolve_recipe

NETWORK, SIZE = "ConvNetD3", 32
DOUBLINGS = 4
HEADER = ["work, what is doubled", "from", "to", "ms", "exponent of each doubling", "fit"]
TRAINING = {
    "architecture": NETWORK,
    "size": SIZE,
    "images": 4,
    "arm": "ladd",
    "views": "full",
    "precision": "exact",
    # So short that nothing is compiled: every point computes in the same way.
    "epochs": 50,
}
NOTES = [
    f"{NETWORK} at {SIZE} px, exact. A time is that of an epoch under Eq. 5, of labelling the set, or of whole trials "
    "of two epochs.",
    "Classes: the number of images stays the same; a set with as many images per class grows with them as `images`.",
    "N: an epoch forwards 1 + N x N rows of an image and labelling N x N.",
]
CASES: dict[str, tuple[str, dict[str, Any], str, int]] = {
    "Eq. 5, images": ("trainings:ours", TRAINING, "images", 2),
    "baseline, images": ("trainings:ours", TRAINING | {"arm": "baseline"}, "images", 16),
    "Eq. 5, N": ("trainings:ours", TRAINING | {"images": 2}, "n", 1),
    "Eq. 5, K = 5, N": ("trainings:ours", TRAINING | {"views": "sampled:5"}, "n", 3),
    "Eq. 5, classes": ("trainings:ours", TRAINING, "num_classes", 10),
    "labelling, images": ("labelling:ours", {"size": SIZE, "images": 1}, "images", 4),
    "labelling, N": ("labelling:ours", {"size": SIZE, "images": 2}, "n", 1),
    "trials": ("growth:trials", {}, "trials", 1),
}
"""Function, its arguments, the argument that is doubled, and its first value."""


def trials(lap: Lap, *, trials: int, device: str) -> None:
    """A lap is so many trials of an evaluation, one after the other."""
    data = random_labelled_set(2, SIZE)
    recipe = resolve_recipe("glad", NETWORK, {"epochs": 2, "ema_beta": 0.995})
    while True:
        for trial in range(trials):
            train_trial(data, ARMS["ladd"], NETWORK, recipe, trial_seed(0, trial, NETWORK), device, 10)
        lap()


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    doublings = 1 if options.smoke else DOUBLINGS
    report = Report("growth", "Growth", NOTES, HEADER, options)
    cases = dict(list(CASES.items())[: 1 if options.smoke else None])
    points = {name: [first * 2**step for step in range(doublings + 1)] for name, (*_, first) in cases.items()}
    cells = [
        (name, [Variant(f"{value}", function, arguments | {doubled: value}) for value in points[name]])
        for name, (function, arguments, doubled, _) in cases.items()
    ]
    for name, timings in measure_cells(cells, options, report.cut):
        report.timings(name, timings)
        values, taken = points[name], list(timings.values())
        report.row(
            [
                name,
                f"{values[0]}",
                f"{values[-1]}",
                ", ".join(f"{timing.seconds * 1e3:,.1f}" for timing in taken),
                ", ".join(f"{exponent:.2f}" for exponent in exponents(taken)),
                f"{fitted(values, taken):.2f}",
            ]
        )


def exponents(timings: list[Timing]) -> list[float]:
    """log2 of what each doubling multiplies the time by."""
    return [math.log2(more.seconds / less.seconds) for less, more in pairwise(timings)]


def fitted(values: list[int], timings: list[Timing]) -> float:
    """Slope of the straight line through the logarithms."""
    return linear_regression([math.log(value) for value in values], [math.log(t.seconds) for t in timings]).slope


if __name__ == "__main__":
    main()
