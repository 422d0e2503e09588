"""The dense labels of one image as a picture: where each view lies, and the classes the labeler sees in it."""

from heapq import nlargest
from typing import TYPE_CHECKING

from method.files import IMAGES
from service.core.clients import Core
from service.core.resources.labelled_image import LabelledImage, labelled_image
from service.core.resources.pictures import picture_of, png
from service.core.resources.stored_array import StoredArray

if TYPE_CHECKING:
    from PIL import Image, ImageFont

LARGEST = 8
"""Rows and columns at most: finer grids show every second, third, ... view."""
CLASSES = 3
"""The most probable ones of each view."""

VIEW, PLACE, WORDS, GAP, LINE = 112, 48, 152, 12, 16
"""Pixels: the side of a view and of the image that shows its place, the width of the words, gaps, a line of text."""
FONT = 12
BLACK, RED, WHITE, GRAY = (0, 0, 0), (200, 0, 0), (255, 255, 255), (110, 110, 110)


def label_grid_png(core: Core, dataset_id: str, index: int) -> bytes:
    """Return the picture of an image of a label-augmented set.

    Raises ServiceError NOT_FOUND, NO_ARCHIVE for a plain set, INVALID_REQUEST for an image that there is not.
    """
    found = labelled_image(core, dataset_id, index)
    images = StoredArray(core.storage, found.dataset.blobs[IMAGES])
    return png(_draw(found, picture_of(found.dataset, images, index).convert("RGB")))


def _draw(found: LabelledImage, image: "Image.Image") -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFont

    names, label, n, side, offsets = found.names, found.label, found.n, found.side, found.offsets
    font = ImageFont.load_default(FONT)
    size = image.width
    shown = range(0, n, -(-n // LARGEST))
    panel = VIEW + GAP // 2 + WORDS + GAP
    # A single column still has room for the lines above it.
    width = max(len(shown), 2) * panel + GAP
    canvas = Image.new("RGB", (width, (len(shown) + 1) * (VIEW + GAP) + GAP), WHITE)
    draw = ImageDraw.Draw(canvas)

    canvas.paste(_enlarged(image, VIEW), (GAP, GAP))
    above = [
        f"image {found.index} of {found.dataset.name}",
        f"class: {names[label]}",
        f"{n} x {n} views of {side} of {size} px a side"
        + (f", one row and column in {shown.step}" if shown.step > 1 else ""),
        f"with each view: its pixels, its place in the image, its {min(CLASSES, len(names))} most probable classes",
        "red: the most probable class is not that of the image",
    ]
    for number, line in enumerate(above):
        left = GAP + VIEW + GAP // 2
        draw.text((left, GAP + number * LINE), _fitted(line, font, width - left - GAP), BLACK, font)

    for down, row in enumerate(shown):
        for right, column in enumerate(shown):
            left, top = GAP + right * panel, GAP + (down + 1) * (VIEW + GAP)
            x, y = offsets[column], offsets[row]
            # As the labeler sees it: cut out and brought back to full size.
            view = image.crop((x, y, x + side, y + side)).resize(image.size, Image.Resampling.BILINEAR)
            canvas.paste(_enlarged(view, VIEW), (left, top))
            probabilities = found.dense[row * n + column]
            best = nlargest(CLASSES, range(len(names)), key=probabilities.__getitem__)
            words = [(f"x {x}-{x + side - 1}, y {y}-{y + side - 1}", GRAY)]
            words += [(f"{probabilities[each]:.0%} {names[each]}", BLACK) for each in best]
            if best[0] != label:
                words[1] = (words[1][0], RED)
            left += VIEW + GAP // 2
            for number, (text, color) in enumerate(words):
                draw.text((left, top + number * LINE), _fitted(text, font, WORDS), color, font)
            top += VIEW - PLACE
            canvas.paste(_enlarged(image, PLACE), (left, top))
            scale = PLACE / size
            corner = (left + x * scale, top + y * scale)
            draw.rectangle((corner, (corner[0] + side * scale - 1, corner[1] + side * scale - 1)), outline=RED, width=2)
    return canvas


def _enlarged(picture: "Image.Image", side: int) -> "Image.Image":
    """Return a picture at this many pixels a side, those of a small one as squares."""
    from PIL import Image

    small = picture.width <= side
    return picture.resize((side, side), Image.Resampling.NEAREST if small else Image.Resampling.BOX)


def _fitted(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: float) -> str:
    """Return a text that is cut where it would be wider than so many pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}..") > width:
        text = text[:-1]
    return f"{text}.."
