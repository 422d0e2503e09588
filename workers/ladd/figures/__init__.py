"""Figures of a report: the numbers that are drawn, and the drawing. A new one is a file and one line here.

Needs matplotlib, and no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from workers.ladd.figures import accuracy, deployment_cost, labeler_epochs

Data = dict[str, Any]


@dataclass(frozen=True)
class FigureKind:
    """`collect` takes the rows of an evaluation and of a labeler's epochs; None where there is nothing to show."""

    title: str
    collect: Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], Data | None]
    draw: Callable[[Axes, Data], None]


FIGURES = {
    "accuracy": FigureKind("Accuracy by architecture, 95 % intervals over trials", accuracy.collect, accuracy.draw),
    "deployment_cost": FigureKind(
        "Accuracy against the FLOPs of one training", deployment_cost.collect, deployment_cost.draw
    ),
    "labeler_epochs": FigureKind(
        "Labeler by epoch: accuracy and entropy on val", labeler_epochs.collect, labeler_epochs.draw
    ),
}
