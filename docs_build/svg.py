"""The few shapes that the pictures are drawn with, as SVG. Lengths are pixels."""

from html import escape

INK, GRAY, PALE, WHITE = "#222222", "#777777", "#dddddd", "#ffffff"
BLUE, ORANGE, GREEN = "#1f6fb4", "#d9740b", "#2d8a4e"
COLOURS = (BLUE, ORANGE, GREEN)


def drawing(width: int, height: int, title: str, *shapes: str) -> str:
    """Return a whole SVG on white, so that it reads on a dark page as well."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        'font-family="system-ui, sans-serif" font-size="14">'
    )
    arrow = (
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{GRAY}"/></marker></defs>'
    )
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", arrow, rect(0, 0, width, height, fill=WHITE), *shapes, "</svg>", ""]
    )


def rect(
    x: float, y: float, width: float, height: float, *, fill: str = "none", line: str = "none", stroke: float = 2
) -> str:
    """Return a rectangle with slightly round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" '
        f'fill="{fill}" stroke="{line}" stroke-width="{stroke:g}"/>'
    )


def text(x: float, y: float, words: str, *, colour: str = INK, size: int = 14, anchor: str = "start") -> str:
    """Return a line of text, its base line at `y`; `anchor`: whether `x` is its start, middle or end."""
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, *lines: str, colour: str = INK) -> str:
    """Return a frame with lines of text in its middle."""
    first = y + height / 2 - 9 * (len(lines) - 1) + 5
    words = (text(x + width / 2, first + 18 * n, line, colour=colour, anchor="middle") for n, line in enumerate(lines))
    return "\n".join([rect(x, y, width, height, fill=WHITE, line=colour, stroke=1.5), *words])


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = GRAY, stroke: float = 1.5) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" stroke-width="{stroke:g}"/>'


def arrow(*points: tuple[float, float]) -> str:
    """Return a line through points with a tip at its end."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{GRAY}" stroke-width="1.5" marker-end="url(#tip)"/>'


def pixels(x: float, y: float, side: float, png: str, *, crop: tuple[float, float, float, float] | None = None) -> str:
    """Return a picture (PNG, base64), or the part (left, top, side, whole side in pixels) of it, in a square."""
    left, top, part, whole = crop or (0, 0, 1, 1)
    scale = side / part
    return (
        f'<svg x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}">'
        f'<image x="{-left * scale:g}" y="{-top * scale:g}" width="{whole * scale:g}" height="{whole * scale:g}" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{png}"/></svg>'
    )
