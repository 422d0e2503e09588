"""DSA as the public evaluation loops do it: one family for a batch, drawn and applied in one go, from torch's global
random numbers.

Written from the law of `DiffAugment` and `ParamDiffAug` (DC, DSA, MTT and GLaD, `utils.py`, mode 'S'), to be timed and
compared with `workers.ladd.engine.dsa`. Scale and rotate build their matrices in Python, image by image, as there.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BRIGHTNESS, SATURATION, CONTRAST = 1.0, 2.0, 0.5
CROP, CUTOUT, FLIP, SCALE, ROTATE = 0.125, 0.5, 0.5, 1.2, 15.0


def augment(images: Tensor, strategy: str) -> Tensor:
    """Return images float [B, C, H, W] after one family of a strategy such as "color_crop_flip"; "none": as they are.

    The family comes from numpy's global generator, as in the public loops, all else from torch's.
    """
    if strategy == "none":
        return images
    families = strategy.split("_")
    return FAMILIES[families[np.random.randint(0, len(families))]](images)


def color(images: Tensor) -> Tensor:
    """Shift the brightness, stretch the distance to the gray image, then that to the image's mean."""
    count, device = len(images), images.device
    images = images + (torch.rand(count, 1, 1, 1, device=device) - 0.5) * BRIGHTNESS
    gray = images.mean(dim=1, keepdim=True)
    images = (images - gray) * (torch.rand(count, 1, 1, 1, device=device) * SATURATION) + gray
    level = images.mean(dim=[1, 2, 3], keepdim=True)
    return (images - level) * (torch.rand(count, 1, 1, 1, device=device) + CONTRAST) + level


def crop(images: Tensor) -> Tensor:
    """Shift by whole pixels, zeros coming in."""
    count, _, height, width = images.shape
    device = images.device
    down, right = (int(side * CROP + 0.5) for side in (height, width))
    shift_down = torch.randint(-down, down + 1, (count, 1, 1), device=device)
    shift_right = torch.randint(-right, right + 1, (count, 1, 1), device=device)
    batch, row, column = _positions(count, height, width, device)
    row = torch.clamp(row + shift_down + 1, 0, height + 1)
    column = torch.clamp(column + shift_right + 1, 0, width + 1)
    padded = F.pad(images, [1, 1, 1, 1, 0, 0, 0, 0])
    return padded.permute(0, 2, 3, 1).contiguous()[batch, row, column].permute(0, 3, 1, 2).contiguous()


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the side to zero, through a mask of the batch's size."""
    count, _, height, width = images.shape
    device = images.device
    tall, wide = (int(side * CUTOUT + 0.5) for side in (height, width))
    centre_row = torch.randint(0, height + (1 - tall % 2), (count, 1, 1), device=device)
    centre_column = torch.randint(0, width + (1 - wide % 2), (count, 1, 1), device=device)
    batch, row, column = _positions(count, tall, wide, device)
    row = torch.clamp(row + centre_row - tall // 2, min=0, max=height - 1)
    column = torch.clamp(column + centre_column - wide // 2, min=0, max=width - 1)
    mask = torch.ones(count, height, width, dtype=images.dtype, device=device)
    mask[batch, row, column] = 0
    return images * mask.unsqueeze(1)


def flip(images: Tensor) -> Tensor:
    """Mirror about half of the images."""
    drawn = torch.rand(len(images), 1, 1, 1, device=images.device)
    return torch.where(drawn < FLIP, images.flip(3), images)


def scale(images: Tensor) -> Tensor:
    """Stretch each axis by a factor of its own."""
    count = len(images)
    along_x = torch.rand(count) * (SCALE - 1.0 / SCALE) + 1.0 / SCALE
    along_y = torch.rand(count) * (SCALE - 1.0 / SCALE) + 1.0 / SCALE
    return _warp(images, [[[along_x[i], 0, 0], [0, along_y[i], 0]] for i in range(count)])


def rotate(images: Tensor) -> Tensor:
    """Turn by up to 15 degrees; four trigonometric calls for each image."""
    angles = (torch.rand(len(images)) - 0.5) * 2 * ROTATE / 180 * float(np.pi)
    rows: list[list[list[Tensor | int]]] = [
        [[torch.cos(angle), torch.sin(-angle), 0], [torch.sin(angle), torch.cos(angle), 0]] for angle in angles.unbind()
    ]
    return _warp(images, rows)


def _warp(images: Tensor, matrices: list[list[list[Tensor | int]]]) -> Tensor:
    theta = torch.tensor(matrices, dtype=torch.float).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=True)
    return F.grid_sample(images, grid, align_corners=True)


def _positions(count: int, height: int, width: int, device: torch.device) -> tuple[Tensor, ...]:
    axes = (torch.arange(length, device=device) for length in (count, height, width))
    return torch.meshgrid(*axes, indexing="ij")


FAMILIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": color,
    "crop": crop,
    "cutout": cutout,
    "flip": flip,
    "scale": scale,
    "rotate": rotate,
}
