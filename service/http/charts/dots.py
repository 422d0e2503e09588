"""Dots with their intervals, a line for each place: accuracies by arm, differences with what they may be."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from service.http.charts.svg import chart, element, label, scale

LINE, WORDS, WIDTH, BOTTOM, RIGHT = 26, 190, 640, 34, 90
"""Pixels: the height of a line, the width of its words, of the chart, of the axis below, and of the number behind."""


class Dot(NamedTuple):
    """A value with its interval, if it has one; `kind` is the class that colours it."""

    name: str
    value: float
    interval: tuple[float, float] | None
    kind: str = ""


def dots(title: str, unit: str, lines: Sequence[Dot], *, zero: bool = False, signed: bool = False) -> Markup:
    """Return a line for each dot. `zero`: a rule at 0, for differences; `signed`: numbers with their sign."""
    ends = [end for dot in lines for end in (dot.value, *(dot.interval or ()))]
    across = scale(ends, WORDS, WIDTH - RIGHT, zero=zero)
    height = LINE * len(lines)
    form = "{:+.2f}" if signed else "{:.2f}"
    parts = []
    for tick in across.ticks():
        x = across(tick)
        kind = "zero" if zero and tick == 0 else "grid"
        parts.append(element("line", x1=x, x2=x, y1=0, y2=height, class_=kind))
        parts.append(
            label(x, height + 16, f"{tick:+g}" if signed and tick else f"{tick:g}", anchor="middle", class_="tick")
        )
    parts.append(label(WIDTH - RIGHT, height + 32, unit, anchor="end", class_="tick"))
    for number, dot in enumerate(lines):
        y = LINE * (number + 0.5)
        parts.append(label(0, y + 4, _fitted(dot.name)))
        words = form.format(dot.value)
        if dot.interval is not None:
            low, high = dot.interval
            parts.append(element("line", x1=across(low), x2=across(high), y1=y, y2=y, class_=f"interval {dot.kind}"))
            words += f" [{form.format(low)}, {form.format(high)}]"
        circle = element(
            "circle",
            element("title", f"{dot.name}: {words} {unit}"),
            cx=across(dot.value),
            cy=y,
            r=5,
            class_=f"dot {dot.kind}",
        )
        parts += [circle, label(WIDTH, y + 4, form.format(dot.value), anchor="end", class_="number")]
    told = "; ".join(f"{dot.name} {form.format(dot.value)}" for dot in lines)
    return chart(WIDTH, height + BOTTOM, title, f"{title}, {unit}: {told}", parts)


def _fitted(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"
