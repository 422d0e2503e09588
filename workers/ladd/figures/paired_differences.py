"""Every arm minus the baseline of its set, or another arm, with its interval and verdict."""

from typing import Any

from matplotlib.figure import Figure

from method.arms import BASELINE
from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return a series for each set and arm: difference, 95 % interval (null for too few trials) and verdict.

    By architecture, `CAE` last, in points.
    """
    comparisons = found.evaluation.comparisons if found.evaluation else []
    if not comparisons:
        return None
    several = len({each.dataset for each in comparisons}) > 1
    series: dict[str, dict[str, Any]] = {}
    for each in comparisons:
        arms = each.arm if each.minus == BASELINE else f"{each.arm} minus {each.minus}"
        name = f"{arms}, {found.name_of(each.dataset)}" if several else arms
        shown = {"difference": each.difference, "ci95": each.ci95, "verdict": each.verdict}
        series.setdefault(name, {})[each.architecture or "CAE"] = shown
    named = dict.fromkeys(each.architecture for each in comparisons if each.architecture is not None)
    return {"architectures": [*named, "CAE"], "series": series}


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw the series below one another at every architecture, around a line at 0.

    Markers are filled where the verdict is that there is a difference, which may take more than an interval without 0.
    """
    axes = figure.subplots()
    architectures, series = data["architectures"], data["series"]
    for number, (name, points) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * 0.6 / len(series)
        for place, architecture in enumerate(architectures):
            if architecture not in points:
                continue
            difference, ci95 = points[architecture]["difference"], points[architecture]["ci95"]
            axes.errorbar(
                difference,
                place + shift,
                xerr=None if ci95 is None else [[difference - ci95[0]], [ci95[1] - difference]],
                fmt="o",
                capsize=3,
                color=f"C{number}",
                markerfacecolor=None if points[architecture]["verdict"] in ("better", "worse") else "white",
            )
            if ci95 is None:
                axes.annotate(
                    "too few trials",
                    (difference, place + shift),
                    xytext=(6, 4),
                    textcoords="offset points",
                    fontsize=7,
                )
        axes.plot([], [], "o", color=f"C{number}", label=name)
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.set_yticks(range(len(architectures)), architectures)
    axes.invert_yaxis()
    axes.set_xlabel("points above the other arm; filled: a difference by the adjusted p")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
