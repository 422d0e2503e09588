"""Bars: probabilities of a dense label, accuracies by class, the parts of a set's bytes."""

from collections.abc import Sequence

from markupsafe import Markup

from service.http.charts.svg import chart, element, label

ROW, WIDTH, WORDS, NUMBER = 20, 320, 120, 48


def bars(title: str, values: Sequence[tuple[str, float, str]], largest: float, form: str = "{:.2f}") -> Markup:
    """Return a bar for each (name, value, class); a bar of `largest` fills its row."""
    parts = []
    for number, (name, value, kind) in enumerate(values):
        top = ROW * number
        width = max(0.0, (WIDTH - WORDS - NUMBER) * value / largest)
        parts.append(label(WORDS - 6, top + 14, name if len(name) <= 16 else f"{name[:15]}…", anchor="end"))
        parts.append(
            element(
                "rect",
                element("title", f"{name}: {form.format(value)}"),
                x=WORDS,
                y=top + 4,
                width=width,
                height=ROW - 8,
                class_=f"bar {kind}",
            )
        )
        parts.append(label(WORDS + width + 6, top + 14, form.format(value), class_="number"))
    told = "; ".join(f"{name} {form.format(value)}" for name, value, _ in values)
    return chart(WIDTH, ROW * len(values), title, told, parts)


def stacked(title: str, parts_of: Sequence[tuple[str, float, str]], width: int = 480) -> Markup:
    """Return one bar of parts (name, value, words), in this order."""
    total = sum(value for _, value, _ in parts_of) or 1.0
    parts, left = [], 0.0
    for number, (name, value, words) in enumerate(parts_of):
        size = width * value / total
        parts.append(
            element(
                "rect",
                element("title", f"{name}: {words}"),
                x=left,
                y=0,
                width=size,
                height=18,
                class_=f"part-{number}",
            )
        )
        left += size
    return chart(width, 18, title, "; ".join(f"{name} {words}" for name, _, words in parts_of), parts)
