"""Elements of SVG with escaped contents, scales, and the frame that every chart has."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


def element(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """Return an element; `class_` is `class`, an underscore in other names of attributes is a dash."""
    given = [f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"' for name, value in attributes.items()]
    return Markup(f"<{name}{''.join(given)}>{''.join(str(escape(part)) for part in content)}</{name}>")


def chart(width: float, height: float, title: str, description: str, parts: Iterable[Markup]) -> Markup:
    """Return a chart of this size in pixels; `title` and `description` are what a screen reader reads."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *parts,
        class_="chart",
        viewBox=f"0 0 {_text(width)} {_text(height)}",
        width=width,
        height=height,
        role="img",
    )


def label(x: float, y: float, text: str, *, anchor: str = "start", class_: str = "") -> Markup:
    """Return a text whose first (`start`), middle or last (`end`) letter is at x."""
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


@dataclass(frozen=True)
class Scale:
    """A straight line from values to pixels."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self) -> list[float]:
        """Return round values within the scale, about five."""
        step = round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [step * k for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def scale(values: Iterable[float], first: float, last: float, *, zero: bool = False) -> Scale:
    """Return a scale that holds these values, and zero where wanted, between round ends."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - 1, high + 1
    step = round_step((high - low) / 5)
    return Scale(step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), first, last)


def round_step(about: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least `about`."""
    power = 10.0 ** math.floor(math.log10(about))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= about * (1 - 1e-9))


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
