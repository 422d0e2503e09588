"""Curves over epochs or cost: accuracies of a labeler, losses of a training, accuracy against FLOPs."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from service.http.charts.svg import chart, element, label, scale

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 480, 220, 44, 36, 20, 12


def curves(
    title: str,
    across: str,
    unit: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    marked: float | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Markup:
    """Return lines through points (x, y). `marked`: an x with a rule of its own.

    `kinds` are the classes that colour the lines, by name; without, the first is drawn as the main one.
    """
    colours = {name: f"series-{number}" for number, name in enumerate(lines)} | dict(kinds or {})
    points = [point for line in lines.values() for point in line]
    x = scale([at for at, _ in points], LEFT, WIDTH - RIGHT)
    y = scale([value for _, value in points], HEIGHT - BOTTOM, TOP)
    parts = [element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(tick), y2=y(tick), class_="grid") for tick in y.ticks()]
    parts += [label(LEFT - 6, y(tick) + 4, f"{tick:g}", anchor="end", class_="tick") for tick in y.ticks()]
    parts += [label(x(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", anchor="middle", class_="tick") for tick in x.ticks()]
    parts.append(label(WIDTH - RIGHT, HEIGHT - 4, across, anchor="end", class_="tick"))
    parts.append(label(0, 12, unit, class_="tick"))
    if marked is not None and x.low <= marked <= x.high:
        parts.append(element("line", x1=x(marked), x2=x(marked), y1=TOP, y2=HEIGHT - BOTTOM, class_="marked"))
    for name, line in lines.items():
        kind = colours[name]
        path = " ".join(f"{'L' if place else 'M'}{x(at):.1f} {y(value):.1f}" for place, (at, value) in enumerate(line))
        parts.append(element("path", element("title", name), d=path, class_=f"curve {kind}"))
        parts += [
            element(
                "circle",
                element("title", f"{name}, {across} {at:g}: {value:.2f} {unit}"),
                cx=x(at),
                cy=y(value),
                r=3,
                class_=f"dot {kind}",
            )
            for at, value in line
        ]
    if len(lines) > 1:
        place = WIDTH - RIGHT
        for name in reversed(list(lines)):
            parts.append(label(place, 12, name, anchor="end", class_=f"name {colours[name]}"))
            # About seven pixels a letter, and a gap.
            place -= 7 * len(name) + 14
    told = "; ".join(f"{name} from {line[0][1]:.2f} to {line[-1][1]:.2f}" for name, line in lines.items() if line)
    return chart(WIDTH, HEIGHT, title, f"{title}, {unit}, by {across}: {told}", parts)
