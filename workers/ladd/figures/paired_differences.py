"""Every arm minus the baseline of its set, or another arm, with the interval that the verdict is taken from."""

from typing import Any

from matplotlib.figure import Figure

from method.arms import BASELINE
from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return a series for each set and arm: difference and 95 % interval by architecture, `CAE` last, in points."""
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
    """Draw the series below one another at every architecture, around a line at 0."""
    axes = figure.subplots()
    architectures, series = data["architectures"], data["series"]
    for number, (name, points) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * 0.6 / len(series)
        shown = [(place + shift, points[each]) for place, each in enumerate(architectures) if each in points]
        differences = [point["difference"] for _, point in shown]
        reach = [
            [point["difference"] - point["ci95"][0] for _, point in shown],
            [point["ci95"][1] - point["difference"] for _, point in shown],
        ]
        axes.errorbar(differences, [place for place, _ in shown], xerr=reach, fmt="o", capsize=3, label=name)
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.set_yticks(range(len(architectures)), architectures)
    axes.invert_yaxis()
    axes.set_xlabel("points above the baseline, or above the arm named")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
