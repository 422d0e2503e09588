"""The price of accuracy in deployment: the paper's Figure 3 (section 4.2)."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.flops_axis import flops_axis
from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return for each row, of fewer epochs as well, the training FLOPs of one trial (1 MAC = 2) and its mean in %."""
    points = [
        {
            "dataset": row.dataset,
            "arm": row.arm,
            "architecture": row.architecture,
            "views": row.recipe.get("views"),
            "epochs": row.epochs,
            "flops": row.flops / len(row.trials),
            "mean": row.mean,
        }
        for row in found.rows
    ]
    return {"points": points} if points else None


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a line through the epochs of each training, coloured by arm, the architecture beside its last point."""
    axes = figure.subplots()
    several = len({point["dataset"] for point in data["points"]}) > 1
    names: list[str] = []
    lines: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in data["points"]:
        lines.setdefault(tuple(point[field] for field in ("dataset", "arm", "architecture", "views")), []).append(point)
    for (dataset, arm, architecture, _), points in lines.items():
        name = f"{arm}, {found.name_of(dataset)}" if several else arm
        names += [name] if name not in names else []
        points.sort(key=lambda point: float(point["flops"]))
        flops, means = ([point[field] for point in points] for field in ("flops", "mean"))
        axes.plot(flops, means, marker="o", color=f"C{names.index(name) % 10}", label=name)
        axes.annotate(architecture, (flops[-1], means[-1]), textcoords="offset points", xytext=(5, 4), fontsize=7)
    axes.margins(x=0.18, y=0.1)  # room for the names
    flops_axis(axes, "one trial")
    axes.set_ylabel("accuracy, %")
    by_name = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(by_name.values(), by_name.keys(), loc="outside lower center", ncols=2, fontsize=8)
