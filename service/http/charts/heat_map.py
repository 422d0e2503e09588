"""Heat maps: classes against classes, entropy of an image's views."""

from collections.abc import Sequence

from markupsafe import Markup

from service.http.charts.svg import chart, element, label

SIDE = 340
STEPS = 9
"""Shades, classes `heat-0` to `heat-8` of the page's style."""


def shade(value: float, largest: float) -> int:
    """Return the number of the shade of a value of at least 0."""
    return min(STEPS - 1, int(STEPS * value / largest)) if largest > 0 else 0


def heat_map(title: str, cells: Sequence[Sequence[float]], names: Sequence[str], form: str = "{:g}") -> Markup:
    """Return a square for each cell, its number on it where there is room; rows and columns are named alike."""
    count = len(cells)
    words = 90 if names else 0
    side = SIDE / max(count, 1)
    largest = max((value for row in cells for value in row), default=0.0)
    parts = []
    for down, row in enumerate(cells):
        if names:
            name = names[down]
            parts.append(label(words - 6, down * side + side / 2 + 4, name[:13], anchor="end", class_="tick"))
        for right, value in enumerate(row):
            where = f"{names[down]} as {names[right]}" if names else f"row {down}, column {right}"
            square = element("title", f"{where}: {form.format(value)}")
            x, y = words + right * side, down * side
            parts.append(
                element(
                    "rect", square, x=x, y=y, width=side - 1, height=side - 1, class_=f"heat-{shade(value, largest)}"
                )
            )
            if count <= 12 and value:
                kind = "on-dark" if shade(value, largest) > STEPS // 2 else "on-light"
                parts.append(label(x + side / 2, y + side / 2 + 4, form.format(value), anchor="middle", class_=kind))
    return chart(words + SIDE, SIDE, title, f"{title}: {count} rows and columns", parts)
