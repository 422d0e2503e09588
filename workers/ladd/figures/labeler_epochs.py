"""The labeler as it learns: the half of the paper's Figure 5 (section 4.5) that one training shows."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.found import Found


def collect(found: Found) -> dict[str, Any] | None:
    """Return accuracy in % and mean entropy in nats on the val split, epoch by epoch; None for several labelers."""
    if len(found.labelers) != 1:
        return None
    fields = {"epoch", "train_accuracy", "val_accuracy", "mean_entropy"}
    return {"epochs": [row.model_dump(include=fields) for row in found.labelers[0].epochs]}


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw accuracy on the left axis and entropy on the right one."""
    axes = figure.subplots()
    epochs = [row["epoch"] for row in data["epochs"]]
    for field, name in (("train_accuracy", "train"), ("val_accuracy", "val")):
        axes.plot(epochs, [row[field] for row in data["epochs"]], marker="o", markersize=3, label=f"accuracy on {name}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, %")
    right = axes.twinx()
    right.plot(epochs, [row["mean_entropy"] for row in data["epochs"]], "--", color="gray", label="entropy on val")
    right.set_ylabel("mean entropy, nats")
    axes.legend(handles=[*axes.get_lines(), *right.get_lines()])
