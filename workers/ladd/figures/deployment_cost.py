"""What accuracy costs in deployment: the paper's Figure 3."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes


def collect(rows: Sequence[Mapping[str, Any]], epochs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return for each row the training FLOPs of one trial (1 MAC = 2) and the mean accuracy in %."""
    points = [
        {
            "dataset": row["dataset"],
            "arm": row["arm"],
            "architecture": row["architecture"],
            "views": row["recipe"].get("views"),
            "flops": row["flops"] / len(row["trials"]),
            "mean": row["mean"],
        }
        for row in rows
    ]
    return {"points": points} if points else None


def draw(axes: Axes, data: dict[str, Any]) -> None:
    """Draw a colour for each arm and the name of the architecture beside each point."""
    for arm in dict.fromkeys(point["arm"] for point in data["points"]):
        mine = [point for point in data["points"] if point["arm"] == arm]
        axes.scatter([point["flops"] for point in mine], [point["mean"] for point in mine], label=arm)
        for point in mine:
            place = (point["flops"], point["mean"])
            axes.annotate(point["architecture"], place, textcoords="offset points", xytext=(5, 4), fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("FLOPs of one training")
    axes.set_ylabel("accuracy, %")
    axes.legend()
