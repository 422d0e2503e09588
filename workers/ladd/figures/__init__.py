"""Figures of a report: the numbers that are drawn, and the drawing. A new one is a file and one line here.

Needs matplotlib, and no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures import (
    accuracy,
    deployment_cost,
    example_answers,
    grad_cam,
    labeler_epochs,
    paired_differences,
    per_class,
    preparation_cost,
    sweep,
)
from workers.ladd.figures.found import Found

Data = dict[str, Any]


@dataclass(frozen=True)
class FigureKind:
    """`collect` gives the numbers to show, None where there are none; `draw` puts them into an empty figure."""

    title: str
    collect: Callable[[Found], Data | None]
    draw: Callable[[Figure, Data, Found], None]

    def write_png(self, data: Data, found: Found, path: Path) -> None:
        """Draw the figure into a file, of 960 x 600 pixels unless it sets a size of its own."""
        figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
        self.draw(figure, data, found)
        figure.suptitle(self.title, fontsize=10)
        # Equal numbers give equal bytes: the version of matplotlib is left out.
        figure.savefig(path, format="png", metadata={"Software": None})


FIGURES = {
    "accuracy": FigureKind("Accuracy by architecture, 95 % intervals over trials", accuracy.collect, accuracy.draw),
    "paired_differences": FigureKind(
        "Arms minus the baseline, 95 % intervals over trials and test images",
        paired_differences.collect,
        paired_differences.draw,
    ),
    "per_class": FigureKind("Accuracy by class, mean over trials and architectures", per_class.collect, per_class.draw),
    "deployment_cost": FigureKind(
        "Accuracy against the FLOPs of one trial", deployment_cost.collect, deployment_cost.draw
    ),
    "preparation_cost": FigureKind(
        "k-CAE against the FLOPs before deployment", preparation_cost.collect, preparation_cost.draw
    ),
    "labeler_epochs": FigureKind(
        "Labeler by epoch: accuracy and entropy on val", labeler_epochs.collect, labeler_epochs.draw
    ),
    "example_answers": FigureKind(
        "Answers of the labeler to one image by its epoch", example_answers.collect, example_answers.draw
    ),
    "sweep": FigureKind("k-CAE at every point of the sweep", sweep.collect, sweep.draw),
    "grad_cam": FigureKind("Grad-CAM: where a network finds the class", grad_cam.collect, grad_cam.draw),
}
