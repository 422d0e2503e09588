"""Random resized crops with a flip, as torchvision's `RandomResizedCrop` and `RandomHorizontalFlip` draw them.

SRe2L's and RDED's students see nothing else of an image (`validate/train_FKD.py`, `validation/main.py`).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_RATIO = 4 / 3
"""Of a crop's width to its height, and of its height to its width; in between all logarithms are as likely."""
ATTEMPTS = 10
"""Crops drawn of which the first that fits into the image is taken; the whole image where none does."""
FLIP_PROBABILITY = 0.5


def draw_resized_crop(
    rows: int, size: tuple[int, int], generator: torch.Generator, smallest_area: float
) -> dict[str, Tensor]:
    """Draw a crop of between `smallest_area` and all of the area for each of `rows` images of size (height, width).

    int64 [rows] `top`, `left`, `height`, `width` in pixels, and bool [rows] `flip`; from a CPU generator.
    """
    area = smallest_area + (1 - smallest_area) * torch.rand(rows, ATTEMPTS, generator=generator)
    stretch = (math.log(LARGEST_RATIO) * (2 * torch.rand(rows, ATTEMPTS, generator=generator) - 1)).exp()
    pixels = area * math.prod(size)
    heights, widths = (pixels / stretch).sqrt().round().long(), (pixels * stretch).sqrt().round().long()
    # Drawn crops first, the whole image last: of equal values `argmax` has the first.
    heights, widths = (F.pad(sides, (0, 1), value=whole) for sides, whole in zip((heights, widths), size, strict=True))
    fits = (heights > 0) & (heights <= size[0]) & (widths > 0) & (widths <= size[1])
    chosen = fits.int().argmax(dim=1, keepdim=True)
    height, width = (sides.gather(1, chosen).squeeze(1) for sides in (heights, widths))
    top, left = (
        (torch.rand(rows, generator=generator) * (whole - side + 1)).long()
        for side, whole in zip((height, width), size, strict=True)
    )
    flip = torch.rand(rows, generator=generator) < FLIP_PROBABILITY
    return {"top": top, "left": left, "height": height, "width": width, "flip": flip}


def apply_resized_crop(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """Return the crops of images [B, C, H, W], each resized to H x W (bilinear, align_corners=False) and flipped."""
    rows = _positions(parameters["top"], parameters["height"], images.shape[2])
    columns = _positions(parameters["left"], parameters["width"], images.shape[3])
    columns = torch.where(parameters["flip"][:, None], columns.flip(1), columns)
    shape = (-1, rows.shape[1], columns.shape[1])
    grid = torch.stack((columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)), dim=-1)
    return F.grid_sample(images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=True)


def _positions(first: Tensor, length: Tensor, side: int) -> Tensor:
    """Return where `side` pixels lie along an axis of as many, from -1 to 1, float32 [B, side], of crops [B]."""
    first, length = first[:, None].float(), length[:, None].float()
    centres = (torch.arange(side, device=first.device) + 0.5) * (length / side) - 0.5 + first
    return centres.clamp(min=first, max=first + length - 1) * (2 / max(1, side - 1)) - 1
