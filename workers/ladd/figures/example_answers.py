"""Answers of the labeler to one image, epoch by epoch: the paper's Figure 5b (section 4.5)."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from api_schemas.class_accuracies import class_name, class_names
from workers.ladd.figures.found import Found, drawn

_MOST_EPOCHS = 5
"""Bar graphs side by side, as many as the paper has; of more epochs some at equal distances are drawn."""


def collect(found: Found) -> dict[str, Any] | None:
    """Return the image's place and label, and the probabilities [epochs, classes] of its likeliest classes."""
    if found.example is None:
        return None
    names = class_names(found.inputs)
    named = {"names": [class_name(names, label) for label in found.example.classes]}
    return found.example.model_dump() | named


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a bar graph for each epoch, the class of the image in a colour of its own."""
    count = len(data["epochs"])
    shown = np.unique(np.linspace(0, count - 1, min(count, _MOST_EPOCHS)).round().astype(int))
    colors = ["tab:orange" if label == data["label"] else "tab:blue" for label in data["classes"]]
    places = range(len(data["classes"]))
    for axes, row in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        axes.barh(places, data["probabilities"][row], color=colors)
        axes.set_title(f"epoch {data['epochs'][row]}", fontsize=8)
        axes.set_xlim(0, 1)
        axes.tick_params(labelsize=7)
        axes.set_yticks(places, [drawn(name, 20) for name in data["names"]])
    axes.invert_yaxis()
    figure.supxlabel(f"probability; orange: the class of image {data['image']}", fontsize=8)
