"""The price of accuracy before deployment, of distillation, labeler and labelling: Figure 2 (section 4.2)."""

from typing import Any

from matplotlib.figure import Figure

from method.arms import ARMS
from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return for each arm of the set the k-CAE in % and the FLOPs (1 MAC = 2), whole and by part.

    An arm without the labeler's labels cost the distillation alone. A part that nobody counted (the training of an
    imported labeler) is None. None where nobody said what the distillation took.
    """
    spent = found.preparation
    if spent is None:
        return None
    points = []
    for summary in found.summary:
        if summary.dataset not in spent.own_sets:
            continue
        parts: dict[str, float | None] = {"distillation": spent.distillation}
        if ARMS[summary.arm].label_files:
            parts |= {"labelling": spent.labelling, "labeler_training": spent.labeler_training}
        flops = sum(part for part in parts.values() if part is not None)
        points.append({"arm": summary.arm, "mean": summary.cae_mean, "flops": flops, "parts": parts})
    return {"points": points} if points else None


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a point for each arm, with its name."""
    axes = figure.subplots()
    for point in data["points"]:
        axes.scatter([point["flops"]], [point["mean"]], label=point["arm"])
    axes.set_xscale("log")
    axes.set_xlabel("FLOPs of distillation, labeler and labelling")
    axes.set_ylabel("k-CAE, %")
    axes.legend()
