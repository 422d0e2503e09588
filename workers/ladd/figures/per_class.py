"""Which classes LADD helps: accuracy by class of the baseline and of LADD (section 4.4)."""

from typing import Any

from matplotlib.figure import Figure

from api_schemas.class_accuracies import class_accuracies, class_name, class_names, shown_classes
from workers.ladd.figures.found import Found, drawn


def collect(found: Found) -> dict[str, Any] | None:
    """Return the accuracies by class in %, over trials and architectures, of the first set that both arms trained on.

    `classes` counts all of them: of more than 20, those that gain and lose most are in `rows`.
    """
    by_set = class_accuracies(found.evaluation) if found.evaluation else {}
    if not by_set:
        return None
    dataset, classes = next(iter(by_set.items()))
    names = class_names(found.inputs)
    rows = [
        {"label": each.label, "name": class_name(names, each.label), "baseline": each.baseline, "ladd": each.ladd}
        for each in shown_classes(classes)
    ]
    return {"dataset": dataset, "classes": len(classes), "rows": rows}


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw two bars for each class, the first class on top."""
    axes = figure.subplots()
    rows = data["rows"]
    for shift, arm, name in ((-0.2, "baseline", "baseline"), (0.2, "ladd", "LADD")):
        axes.barh([place + shift for place in range(len(rows))], [row[arm] for row in rows], 0.4, label=name)
    axes.set_yticks(range(len(rows)), [drawn(row["name"], 28) for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    some = f" (of {data['classes']:,} classes those that gain and lose most)" * (data["classes"] > len(rows))
    axes.set_xlabel(f"accuracy, %{some}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
