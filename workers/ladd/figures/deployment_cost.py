"""The price of accuracy in deployment: the paper's Figure 3."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.flops_axis import flops_axis
from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return for each row the training FLOPs of one trial (1 MAC = 2) and the mean accuracy in %."""
    points = [
        {
            "dataset": row.dataset,
            "arm": row.arm,
            "architecture": row.architecture,
            "views": row.recipe.get("views"),
            "flops": row.flops / len(row.trials),
            "mean": row.mean,
        }
        for row in found.rows
    ]
    return {"points": points} if points else None


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a colour for each arm and the name of the architecture beside each point."""
    axes = figure.subplots()
    for arm in dict.fromkeys(point["arm"] for point in data["points"]):
        mine = [point for point in data["points"] if point["arm"] == arm]
        axes.scatter([point["flops"] for point in mine], [point["mean"] for point in mine], label=arm)
        for point in mine:
            place = (point["flops"], point["mean"])
            axes.annotate(point["architecture"], place, textcoords="offset points", xytext=(5, 4), fontsize=7)
    axes.margins(x=0.18, y=0.1)  # room for the names
    flops_axis(axes, "one training")
    axes.set_ylabel("accuracy, %")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
