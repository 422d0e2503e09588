"""The dense labels of one image as a picture: its N x N views, each with the class the labeler sees in it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workers.ladd.labels.views import ViewGrid, extract_views

LARGEST = 8
"""Rows and columns at most: finer grids show every second, third, ... view."""

PANEL_INCHES = 1.1


def write_label_grid(
    image: NDArray[np.uint8],
    label: int,
    dense_labels: NDArray[np.float32],
    grid: ViewGrid,
    names: Sequence[str],
    path: Path,
) -> None:
    """Write a PNG of the views of `image` uint8 [H, W, C]; `dense_labels` float32 [N^2, C] are probabilities.

    Over each view stands its most probable class, black where that is the image's own `label`.
    """
    step = -(-grid.n // LARGEST)
    lines = range(0, grid.n, step)
    views = extract_views(torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1))[None], grid)[0]
    pixels = views.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    side = PANEL_INCHES * len(lines)
    figure = Figure(figsize=(side + 0.2, side + 0.6), dpi=120, layout="constrained")
    panels = figure.subplots(len(lines), len(lines), squeeze=False)
    for axes_row, row in zip(panels, lines, strict=True):
        for axes, column in zip(axes_row, lines, strict=True):
            view = row * grid.n + column
            best = int(dense_labels[view].argmax())
            axes.imshow(pixels[view].squeeze(), cmap="gray", vmin=0, vmax=255)
            title = f"{names[best][:14]} {dense_labels[view, best]:.0%}"
            axes.set_title(title, fontsize=6, color="black" if best == label else "tab:red")
            axes.axis("off")
    figure.suptitle(f"class {names[label]}: what the labeler sees in each view", fontsize=8)
    figure.savefig(path, format="png", metadata={"Software": None})
