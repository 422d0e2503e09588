"""The price of accuracy before deployment, of distillation, labeler and labelling: Figure 2 (section 4.2)."""

from typing import Any

from matplotlib.figure import Figure

from method.arms import ARMS
from workers.ladd.figures.flops_axis import flops_axis
from workers.ladd.figures.found import Found

_MOST_NAMED = 16
"""Points of several sets up to which each has the name of its set beside it."""


def collect(found: Found) -> dict[str, Any] | None:
    """Return for each set and arm the k-CAE in % and the FLOPs (1 MAC = 2), whole and by part.

    Each set has its own distillation; an arm without the labeler's labels cost that alone. A part that nobody counted
    (the training of an imported labeler) is None. None where nobody said what the distillation of any set took.
    """
    spent = {each.dataset: each for each in found.preparations}
    points = []
    for summary in found.summary:
        if summary.dataset not in spent:
            continue
        of_set = spent[summary.dataset]
        parts: dict[str, float | None] = {"distillation": of_set.distillation}
        if ARMS[summary.arm].label_files:
            parts |= {"labelling": of_set.labelling, "labeler_training": of_set.labeler_training}
        flops = sum(part for part in parts.values() if part is not None)
        about = {"dataset": summary.dataset, "arm": summary.arm}
        points.append({**about, "mean": summary.cae_mean, "flops": flops, "parts": parts})
    return {"points": points} if points else None


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a line for each arm through its sets, by what they took."""
    axes = figure.subplots()
    points = data["points"]
    for arm in dict.fromkeys(point["arm"] for point in points):
        mine = sorted((point for point in points if point["arm"] == arm), key=lambda point: float(point["flops"]))
        axes.plot([point["flops"] for point in mine], [point["mean"] for point in mine], marker="o", label=arm)
    if len({point["dataset"] for point in points}) > 1 and len(points) <= _MOST_NAMED:
        for point in points:
            place = (point["flops"], point["mean"])
            axes.annotate(
                found.name_of(point["dataset"], 24), place, textcoords="offset points", xytext=(5, 4), fontsize=6
            )
    axes.margins(x=0.25, y=0.1)  # room for the names
    flops_axis(axes, "distillation, labeler and labelling")
    axes.set_ylabel("k-CAE, %")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
