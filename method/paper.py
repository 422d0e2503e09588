"""The numbers of the paper: Kang, Lim & Shim, "Label-Augmented Dataset Distillation", WACV 2025. Accuracies in percent.

`data/paper.csv` has every cell of its tables. `model` is a network, or the mean over several: 5-CAE over `FIVE`, 4-CAE
over `FOUR`. In all tables +- is the mean over networks of the standard deviations over five trials. Table 3 has no
arms: RDED-I are RDED's images with hard (H) or soft (S) labels, without the teacher at training time that RDED has.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import groupby

from method import labeler, views

RESOLUTION = 128
POINT = (views.GRID, views.RATIO, labeler.EPOCH)
"""N, R and the labeler's epoch behind all of the main results (sections 3.2 and 4.1)."""

FIVE = ("ConvNetD5", "VGG11", "ResNet18", "AlexNet", "ViT")
FOUR = FIVE[:4]
"""Table 1 leaves out ViT, on which several trainings for MTT and AST did not converge (section 4.2)."""
CAE = {"5-CAE": FIVE, "4-CAE": FOUR}

METHODS = ("MTT", "AST", "TESLA", "GLaD-MTT", "GLaD-GM", "GLaD-DM")
"""The methods that distilled the sets of the k-CAE tables."""

AVERAGE_GAIN = 0.149
"""Of LADD relative to the baseline, over the five source sets of Table 4 and then over its three methods."""


@dataclass(frozen=True)
class Cell:
    """One accuracy of a table; `std` None: the table has none."""

    table: str
    method: str
    class_map: str
    ipc: int
    model: str
    arm: str
    mean: float
    std: float | None


@dataclass(frozen=True)
class Result:
    """The k-CAE {arm: mean} of one distilled set over `architectures`; `source`: where in the paper."""

    source: str
    method: str
    class_map: str
    ipc: int
    architectures: tuple[str, ...]
    arms: Mapping[str, float]


def _read() -> tuple[Cell, ...]:
    text = (resources.files(__package__) / "data" / "paper.csv").read_text(encoding="utf-8")
    return tuple(
        Cell(
            **{field: row[field] for field in ("table", "method", "class_map", "model", "arm")},
            ipc=int(row["ipc"]),
            mean=float(row["mean"]),
            std=float(row["std"]) if row["std"] else None,
        )
        for row in csv.DictReader(text.splitlines())
    )


CELLS = _read()
"""In the order of the tables and of their rows."""


def results() -> list[Result]:
    """Return every k-CAE of the tables; a set that stands in two tables comes twice."""
    means = [cell for cell in CELLS if cell.model in CAE]
    rows = groupby(means, lambda cell: (cell.table, cell.method, cell.class_map, cell.ipc, CAE[cell.model]))
    return [Result(*place, arms={cell.arm: cell.mean for cell in cells}) for place, cells in rows]
