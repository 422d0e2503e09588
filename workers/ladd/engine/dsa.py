"""Differentiable Siamese augmentation (DSA): the draw and its application, kept apart.

Zhao & Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (ICML 2021), with the law and
the constants of the public code bases (`DiffAugment` and `ParamDiffAug` in DC, MTT and GLaD, mode 'S'):
one family is drawn per call, uniformly among those that the strategy names, and its parameters per image.
A micro-batch takes its rows of one draw, so that it sees what the whole batch would have given it.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from method.augmentation import NONE, RESIZED_CROP, STRATEGY, parse_strategy, smallest_area
from workers.ladd.engine.resized_crop import apply_resized_crop, draw_resized_crop

BRIGHTNESS = 1.0
SATURATION = 2.0
CONTRAST = 0.5
CROP_RATIO = 0.125
CUTOUT_RATIO = 0.5
FLIP_PROBABILITY = 0.5
SCALE_RATIO = 1.2
ROTATE_DEGREES = 15.0


@dataclass(frozen=True)
class Draw:
    """One drawn augmentation or mix: its family ("none" for none) and its parameters, each [rows, ...]."""

    family: str
    parameters: dict[str, Tensor]

    def rows(self, index: slice | Tensor) -> "Draw":
        """Return the draw of some rows: a slice, or an int64 or bool tensor of row numbers."""
        return self.with_tensors([values[index] for values in self.tensors])

    @property
    def tensors(self) -> list[Tensor]:
        """The parameters."""
        return list(self.parameters.values())

    def with_tensors(self, tensors: Iterable[Tensor]) -> "Draw":
        """Return the draw with these in place of `tensors`, in their order."""
        return Draw(self.family, dict(zip(self.parameters, tensors, strict=True)))

    def repeat(self, rows: int) -> "Draw":
        """Return the first row's parameters for `rows` images: one siamese augmentation for all of them."""
        return self.rows(torch.zeros(rows, dtype=torch.long))


def draw_dsa(
    rows: int,
    size: tuple[int, int],
    generator: torch.Generator,
    strategy: str = STRATEGY,
    families: torch.Generator | None = None,
) -> Draw:
    """Draw one augmentation for `rows` images of size (height, width) from a CPU generator.

    One family for all rows, from `families` where given, and parameters for each row. Raises ValueError for an unknown
    strategy.
    """
    if (area := smallest_area(strategy)) is not None:
        return Draw(RESIZED_CROP, draw_resized_crop(rows, size, generator, area))
    named = parse_strategy(strategy)
    if named == (NONE,):
        return Draw(NONE, {})
    family = named[int(torch.randint(len(named), (), generator=families or generator))]
    draw, _ = _FAMILIES[family]
    return Draw(family, draw(rows, size, generator))


def apply_dsa(images: Tensor, draw: Draw) -> Tensor:
    """Return the augmented images, float [B, C, H, W] in and out, differentiable in the images.

    Works on normalised images: what comes in from outside is 0, the data set's mean. Every row depends on
    its own image and parameters alone, so a slice of the batch with the same slice of the draw gives the
    same bits on a CPU. Parameters that lie on another device are brought over, which a GPU is waited for.
    Raises ValueError if the draw does not have B rows.
    """
    if draw.family == NONE:
        return images
    parameters = {name: values.to(images.device) for name, values in draw.parameters.items()}
    for name, values in parameters.items():
        if len(values) != len(images):
            raise ValueError(f"{name} of the draw has {len(values)} rows for {len(images)} images")
    apply = apply_resized_crop if draw.family == RESIZED_CROP else _FAMILIES[draw.family][1]
    return apply(images, parameters)


DrawParameters = Callable[[int, tuple[int, int], torch.Generator], dict[str, Tensor]]
Apply = Callable[[Tensor, dict[str, Tensor]], Tensor]


def _uniform(rows: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(rows, generator=generator) * (high - low) + low


def _draw_color(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    return {
        "brightness": _uniform(rows, -0.5 * BRIGHTNESS, 0.5 * BRIGHTNESS, generator),
        "saturation": _uniform(rows, 0.0, SATURATION, generator),
        "contrast": _uniform(rows, CONTRAST, 1.0 + CONTRAST, generator),
    }


def _apply_color(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    brightness, saturation, contrast = (
        parameters[name][:, None, None, None] for name in ("brightness", "saturation", "contrast")
    )
    images = images + brightness
    gray = images.mean(dim=1, keepdim=True)
    images = (images - gray) * saturation + gray
    # In two steps: the sum over one axis is never split among threads, so its bits do not depend on B.
    level = images.mean(dim=3, keepdim=True).mean(dim=(1, 2), keepdim=True)
    return (images - level) * contrast + level


def _draw_crop(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    shifts = (math.floor(side * CROP_RATIO + 0.5) for side in size)
    return {
        name: torch.randint(-shift, shift + 1, (rows,), generator=generator)
        for name, shift in zip(("down", "right"), shifts, strict=True)
    }


def _apply_crop(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    row = _shifted(images.shape[2], parameters["down"])[:, None, :, None]
    column = _shifted(images.shape[3], parameters["right"])[:, None, None, :]
    image = torch.arange(len(images), device=images.device)[:, None, None, None]
    channel = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    # A border of one pixel of zeros on every side stands for everything outside the image.
    return F.pad(images, (1, 1, 1, 1))[image, channel, row, column]


def _shifted(side: int, shift: Tensor) -> Tensor:
    """Source positions [B, side] in an image padded by one pixel for a shift [B] in pixels."""
    positions = torch.arange(1, side + 1, device=shift.device)
    return (positions + shift[:, None]).clamp(0, side + 1)


def _draw_cutout(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    parameters = {}
    for side, first, last in ((size[0], "top", "bottom"), (size[1], "left", "right")):
        cut = math.floor(side * CUTOUT_RATIO + 0.5)
        # An even square has its centre between two pixels: one more place for it.
        centre = torch.randint(side + (1 - cut % 2), (rows,), generator=generator)
        parameters[first] = (centre - cut // 2).clamp(min=0)
        parameters[last] = (centre - cut // 2 + cut).clamp(max=side)
    return parameters


def _apply_cutout(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    row = torch.arange(images.shape[2], device=images.device)[None, :, None]
    column = torch.arange(images.shape[3], device=images.device)[None, None, :]
    top, bottom, left, right = (parameters[name][:, None, None] for name in ("top", "bottom", "left", "right"))
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return images.masked_fill(inside[:, None], 0.0)


def _draw_flip(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    return {"flip": torch.rand(rows, generator=generator) < FLIP_PROBABILITY}


def _apply_flip(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    return torch.where(parameters["flip"][:, None, None, None], images.flip(3), images)


def _draw_scale(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    horizontal = _uniform(rows, 1 / SCALE_RATIO, SCALE_RATIO, generator)
    vertical = _uniform(rows, 1 / SCALE_RATIO, SCALE_RATIO, generator)
    return {"matrix": torch.stack((horizontal, vertical), dim=1).diag_embed()}


def _draw_rotate(rows: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    angle = torch.deg2rad(_uniform(rows, -ROTATE_DEGREES, ROTATE_DEGREES, generator))
    cosine, sine = angle.cos(), angle.sin()
    return {"matrix": torch.stack((cosine, -sine, sine, cosine), dim=1).reshape(rows, 2, 2)}


def _apply_matrix(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """Sample the images bilinearly at matrix [B, 2, 2] times (x, y), both running from -1 to 1 over H and W."""
    matrix = parameters["matrix"].to(images.dtype)[:, None, None]
    height, width = images.shape[2:]
    x = torch.linspace(-1.0, 1.0, width, dtype=images.dtype, device=images.device)[None, None, :, None]
    y = torch.linspace(-1.0, 1.0, height, dtype=images.dtype, device=images.device)[None, :, None, None]
    grid = matrix[..., 0] * x + matrix[..., 1] * y
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


_FAMILIES: dict[str, tuple[DrawParameters, Apply]] = {
    "color": (_draw_color, _apply_color),
    "crop": (_draw_crop, _apply_crop),
    "cutout": (_draw_cutout, _apply_cutout),
    "flip": (_draw_flip, _apply_flip),
    "scale": (_draw_scale, _apply_matrix),
    "rotate": (_draw_rotate, _apply_matrix),
}
