"""An axis of FLOPs, as both figures of costs have it."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

_PETA = 1e15
_WIDE = 300
"""Largest over smallest value from which there is room for the labels of whole decades alone."""


def flops_axis(axes: Axes, name: str) -> None:
    """Make the lower axis of what is drawn, whose values are FLOPs, a logarithmic one with labels in PFLOP."""
    least, most = axes.dataLim.intervalx
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if most > _WIDE * least else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda flops, _: f"{flops / _PETA:.3g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(f"{name}, PFLOP")
