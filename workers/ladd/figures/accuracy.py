"""Accuracy of every arm by architecture."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return a series for each set and arm: mean and 95 % interval (null for too few trials) by architecture, in %."""
    quoted = [row for row in found.rows if row.in_summary]
    if not quoted:
        return None
    several = len({row.dataset for row in quoted}) > 1
    series: dict[str, dict[str, Any]] = {}
    for row in quoted:
        name = f"{row.arm}, {found.name_of(row.dataset)}" if several else str(row.arm)
        series.setdefault(name, {})[row.architecture] = {"mean": row.mean, "ci95": row.ci95}
    return {"architectures": list(dict.fromkeys(row.architecture for row in quoted)), "series": series}


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw the series beside each other at every architecture."""
    axes = figure.subplots()
    architectures, series = data["architectures"], data["series"]
    for number, (name, points) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * 0.6 / len(series)
        shown = [(place, points[each]) for place, each in enumerate(architectures) if each in points]
        means = [point["mean"] for _, point in shown]
        reach = [
            [point["mean"] - point["ci95"][0] if point["ci95"] else 0.0 for _, point in shown],
            [point["ci95"][1] - point["mean"] if point["ci95"] else 0.0 for _, point in shown],
        ]
        axes.errorbar([place + shift for place, _ in shown], means, yerr=reach, fmt="o", capsize=3, label=name)
    axes.set_xticks(range(len(architectures)), architectures)
    axes.set_xlim(-0.6, len(architectures) - 0.4)
    axes.set_ylabel("accuracy, %")
    if any(point["ci95"] is None for points in series.values() for point in points.values()):
        axes.set_xlabel("without an interval: too few trials")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
