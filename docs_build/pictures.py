"""Draws the pictures of `docs/pictures.md`: `python -m docs_build.pictures`. A test holds the files against this."""

from base64 import b64encode
from pathlib import Path

from docs_build.svg import BLUE, COLOURS, GRAY, GREEN, INK, ORANGE, PALE, arrow, box, drawing, line, pixels, rect, text
from method.views import GRID, RATIO, crop_offsets, crop_side

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = 32
"""Pixels a side of the image, `ankle_boot.png`: one of `examples/fashion_mnist_dm_ipc10`, class 9_ankle-boot."""
DENSE_LABELS = {
    0: {"sandal": 40, "ankle boot": 37, "sneaker": 17},
    12: {"ankle boot": 100},
    20: {"sneaker": 76, "ankle boot": 17, "bag": 6},
}
"""The likeliest classes, in %, of three views of it: from the archive of the run that `docs/tutorial.md` shows."""
INTERVALS = [
    ("DM: +6.6 [+5.8, +7.3]", 6.6, 5.8, 7.3, "better"),
    ("DSA: +3.5 [+0.2, +6.8]", 3.5, 0.2, 6.8, "better, how much is open"),
    ("tutorial: -0.47 [-2.28, +1.34]", -0.47, -2.28, 1.34, "no evidence"),
]
"""LADD minus its baseline in points with the 95 % interval: README ("What the numbers mean") and `docs/tutorial.md`."""


def views() -> str:
    """The grid of views on an image, and three views with what the labeler sees in them."""
    png = b64encode((FOLDER / "ankle_boot.png").read_bytes()).decode()
    side, offsets, scale = crop_side(RATIO, SIZE), crop_offsets(GRID, RATIO, SIZE), 9
    left, top = 20, 50
    shapes = [
        text(left, 30, f"an image of {SIZE} px, {GRID} x {GRID} views of {side} px", size=15),
        pixels(left, top, SIZE * scale, png),
        *(rect(left + x * scale - 2, top + y * scale - 2, 4, 4, fill=PALE) for y in offsets for x in offsets),
    ]
    for number, ((view, labels), colour) in enumerate(zip(DENSE_LABELS.items(), COLOURS, strict=True)):
        x, y = offsets[view % GRID], offsets[view // GRID]
        here = top + number * 100
        shapes += [
            rect(left + x * scale, top + y * scale, side * scale, side * scale, line=colour, stroke=3),
            pixels(350, here, 88, png, crop=(x, y, side, SIZE)),
            rect(350, here, 88, 88, line=colour, stroke=3),
        ]
        for row, (name, percent) in enumerate(labels.items()):
            bar = here + 8 + row * 26
            shapes += [
                text(530, bar + 13, name, anchor="end", size=13),
                rect(538, bar, percent * 1.2, 16, fill=colour),
                text(544 + percent * 1.2, bar + 13, f"{percent} %", size=13, colour=GRAY),
            ]
    shapes += [
        text(350, 30, "views 0, 12, 20", size=15),
        text(538, 30, "their dense labels", size=15),
        text(
            left, top + SIZE * scale + 26, "dots: where views begin, every 3 px; view j is in row j // 5, column j % 5"
        ),
    ]
    return drawing(720, 380, "Local views of an image and their dense labels", *shapes)


def flow() -> str:
    """Who writes what for whom: sets, labeler, archive, networks, report."""
    return drawing(
        720,
        330,
        "The flow of the labels",
        box(20, 30, 150, 56, "source set", "train | val"),
        box(20, 190, 150, 56, "distilled set", "C x IPC images"),
        box(250, 30, 170, 56, "labeler g", "trained on train", colour=BLUE),
        box(250, 190, 170, 56, "25 views of", "every image", colour=BLUE),
        box(500, 110, 190, 56, "dense labels", "[images, 25, classes]", colour=BLUE),
        box(500, 240, 190, 70, "archive", "images, labels,", "dense labels", colour=ORANGE),
        box(250, 270, 170, 46, "fresh network h", colour=GREEN),
        box(20, 270, 150, 46, "report", colour=GREEN),
        arrow((170, 58), (248, 58)),
        arrow((170, 218), (248, 218)),
        arrow((420, 58), (595, 58), (595, 108)),
        arrow((420, 218), (460, 218), (460, 138), (498, 138)),
        arrow((595, 166), (595, 238)),
        arrow((500, 293), (422, 293)),
        arrow((250, 293), (172, 293)),
        arrow((20, 58), (8, 58), (8, 293), (18, 293)),
        text(210, 285, "on val", size=12, colour=GRAY, anchor="middle"),
        text(460, 285, "Eq. 5", size=12, colour=GRAY, anchor="middle"),
    )


def eq5() -> str:
    """One step of deployment: the image with its class, the views with their dense labels."""
    rows = [
        ("x", "y", 70, INK),
        ("S_1 x", "y^d_1", 140, BLUE),
        ("S_2 x", "y^d_2", 200, BLUE),
        ("S_25 x", "y^d_25", 290, BLUE),
    ]
    shapes = [
        text(75, 40, "shown to h", anchor="middle", colour=GRAY),
        text(405, 40, "compared with", anchor="middle", colour=GRAY),
        box(190, 55, 90, 265, "h", colour=GREEN),
        text(75, 252, "...", anchor="middle"),
        text(405, 252, "...", anchor="middle"),
        box(600, 155, 100, 60, "L(x)", colour=ORANGE),
    ]
    for shown, label, y, colour in rows:
        shapes += [
            box(30, y - 18, 90, 36, shown, colour=colour),
            arrow((120, y), (188, y)),
            arrow((280, y), (338, y)),
            box(340, y - 18, 130, 36, f"CE with {label}", colour=colour),
            arrow((470, y), (550, y), (598, 185)),
        ]
    shapes += [
        text(480, 60, "the class: once", size=12),
        text(480, 315, "the views: their sum", size=12, colour=BLUE),
    ]
    return drawing(720, 350, "Eq. 5: the loss of an image", *shapes)


def intervals() -> str:
    """Three differences with their intervals, and how each is read."""
    zero, scale = 330, 34
    shapes = [
        line(zero, 46, zero, 210, colour=INK),
        text(zero, 34, "0: no difference", anchor="middle"),
        *(
            text(zero + points * scale, 232, f"{points:+d}", anchor="middle", colour=GRAY, size=12)
            for points in (-2, 2, 4, 6)
        ),
        text(zero + 4 * scale, 252, "points: LADD minus baseline", anchor="middle", colour=GRAY, size=12),
    ]
    for number, (name, mean, low, high, verdict) in enumerate(INTERVALS):
        y = 80 + number * 55
        colour = GRAY if low <= 0 <= high else GREEN
        shapes += [
            text(16, y + 5, name, size=13),
            line(zero + low * scale, y, zero + high * scale, y, colour=colour, stroke=4),
            *(
                line(zero + end * scale, y - 8, zero + end * scale, y + 8, colour=colour, stroke=2)
                for end in (low, high)
            ),
            f'<circle cx="{zero + mean * scale:g}" cy="{y}" r="6" fill="{colour}"/>',
            text(zero + max(high, 1.4) * scale + 14, y + 5, verdict, colour=colour, size=13),
        ]
    return drawing(760, 270, "Reading an interval", *shapes)


PICTURES = {"views": views, "flow": flow, "eq5": eq5, "intervals": intervals}


def main() -> None:
    """Write all pictures."""
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
