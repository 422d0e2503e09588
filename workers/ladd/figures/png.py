"""From a figure's numbers to its PNG."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workers.ladd.figures import Data, FigureKind
from workers.ladd.figures.found import Found


def write_png(kind: FigureKind, data: Data, found: Found, path: Path) -> None:
    """Draw the figure into a file, of 960 x 600 pixels unless it sets a size of its own."""
    figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    kind.draw(figure, data, found)
    figure.suptitle(kind.title, fontsize=10)
    # Equal numbers give equal bytes: the version of matplotlib is left out.
    figure.savefig(path, format="png", metadata={"Software": None})
