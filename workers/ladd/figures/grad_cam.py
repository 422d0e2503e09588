"""Where networks find the class of test images, trained one way and another: the paper's Figure 4 (section 4.4)."""

from typing import Any

from matplotlib.figure import Figure

from workers.ladd.figures.found import Found

PANEL_INCHES = 0.9


def collect(found: Found) -> dict[str, Any] | None:
    """Return the places of the images in `val`, and for each row of the evaluation that kept them its maps."""
    panels = [
        ({"dataset": row.dataset, "arm": row.arm, "architecture": row.architecture, "maps": kept.maps}, kept)
        for row in sorted(found.rows, key=lambda row: row.architecture)
        if (kept := row.trials[0].grad_cam) is not None
    ]
    if not panels or found.test_images is None:
        return None
    _, first = panels[0]
    return {"images": first.images, "classes": first.classes, "panels": [panel for panel, _ in panels]}


def draw(figure: Figure, data: dict[str, Any], found: Found) -> None:
    """Draw a line for each image: the image alone, then with the map of each row over it."""
    assert found.test_images is not None
    columns = [None, *data["panels"]]
    figure.set_size_inches(PANEL_INCHES * len(columns) + 0.4, PANEL_INCHES * len(data["images"]) + 0.8)
    grid = figure.subplots(len(data["images"]), len(columns), squeeze=False)
    for line, (place, label) in enumerate(zip(data["images"], data["classes"], strict=True)):
        image = found.test_images[place]
        height, width = image.shape[:2]
        for axes, panel in zip(grid[line], columns, strict=True):
            axes.imshow(image.squeeze(), cmap="gray", extent=(0, width, height, 0))
            axes.set_xticks([])
            axes.set_yticks([])
            if panel is None:
                axes.set_ylabel(f"class {label}", fontsize=6)
                continue
            heat = panel["maps"][line]
            axes.imshow(heat, "jet", alpha=0.45, vmin=0, vmax=1, interpolation="bilinear", extent=(0, width, height, 0))
            if line == 0:
                axes.set_title(f"{panel['architecture']}\n{panel['arm']}", fontsize=6)
