"""Accuracy along a sweep; over the labeler's epochs it is the paper's Figure 5 (section 4.5)."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.found import Found

VARIED = {"epoch": "epoch of the labeler", "n": "N", "ratio": "R"}


def collect(found: Found) -> dict[str, Any] | None:
    """Return each point with the k-CAE (%) of its arms, what is varied, and the k-CAE of arms on the plain set."""
    if not found.points:
        return None
    sets = {point.dataset for point in found.points}
    caes: dict[str, dict[str, float]] = {}
    for row in found.summary:
        caes.setdefault(row.dataset, {})[str(row.arm)] = row.cae_mean
    return {
        "varied": [name for name in VARIED if len({getattr(point, name) for point in found.points}) > 1],
        "points": [point.model_dump() | {"cae": caes.get(point.dataset, {})} for point in found.points],
        "plain": {arm: cae for dataset, arms in caes.items() if dataset not in sets for arm, cae in arms.items()},
    }


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a line for each arm over the one value that is varied, or over the points in their order."""
    axes = figure.subplots()
    points, varied = data["points"], data["varied"]
    if len(varied) == 1:
        places = [point[varied[0]] for point in points]
        axes.set_xlabel(VARIED[varied[0]])
    else:
        places = list(range(len(points)))
        names = [" ".join(f"{name[0]}{point[name]:g}" for name in varied or VARIED) for point in points]
        axes.set_xticks(places, names, rotation=45, fontsize=7)
    for arm in dict.fromkeys(arm for point in points for arm in point["cae"]):
        axes.plot(places, [point["cae"].get(arm) for point in points], marker="o", label=arm)
    for arm, cae in data["plain"].items():
        axes.axhline(cae, linestyle=":", color="black", label=f"{arm}, plain set")
    axes.set_ylabel("k-CAE, %")
    lines = list(axes.get_lines())
    if varied == ["epoch"] and all(point["labeler_val_accuracy"] is not None for point in points):
        right = axes.twinx()
        accuracies = [point["labeler_val_accuracy"] for point in points]
        lines += right.plot(places, accuracies, "--", color="gray", label="labeler on val")
        right.set_ylabel("labeler's accuracy, %")
    axes.legend(handles=lines, fontsize=8)
