"""Mixtures of the rows of a step, two by two: CutMix and mixup, the draw and its application.

Yun et al., "CutMix" (ICCV 2019); Zhang et al., "mixup" (ICLR 2018). As in SRe2L's and RDED's code (`mix_aug`), all rows
of a step share one share and one rectangle. A row's partner lies in the same step and is of its kind, whole images with
whole images and views with views, so that each term of Eq. 5 stays a mean over its own rows.
"""

import torch
from torch import Tensor

from method.augmentation import MIXES, NONE
from workers.ladd.engine.dsa import Draw

MIX_RULE = "whole images with whole images, views with views, after the augmentation; targets in the same shares"
"""Goes into the results of trainings with mixtures."""

NO_MIX = Draw(NONE, {})


def draw_mix(name: str, full: int, rows: int, size: tuple[int, int], generator: torch.Generator) -> Draw:
    """Draw a mixture for a step of `rows` rows, the first `full` of them whole images, from a CPU generator.

    Parameters, each [rows]: int64 `partner`, the other row; float32 `share` of the row itself; and for "cutmix" int64
    `top`, `bottom`, `left`, `right` of the partner's rectangle, whose part of the area is 1 - share.
    """
    if name == NONE:
        return NO_MIX
    share = _beta(MIXES[name].alpha, generator)
    box: dict[str, int] = {}
    if name == "cutmix":
        uncovered = 1.0
        for side, first, last in ((size[0], "top", "bottom"), (size[1], "left", "right")):
            half = int(side * (1 - share) ** 0.5) // 2
            centre = int(torch.randint(side, (), generator=generator))
            box[first], box[last] = max(0, centre - half), min(side, centre + half)
            uncovered *= (box[last] - box[first]) / side
        share = 1 - uncovered
    kinds = (torch.randperm(full, generator=generator), torch.randperm(rows - full, generator=generator) + full)
    parameters = {"partner": torch.cat(kinds), "share": torch.full((rows,), share)}
    return Draw(name, parameters | {edge: torch.full((rows,), place) for edge, place in box.items()})


def mix_images(images: Tensor, partners: Tensor, draw: Draw) -> Tensor:
    """Return the mixtures of images [B, C, H, W] with their partners; the draw has these rows alone."""
    if draw.family == "mixup":
        return mix_targets(images, partners, draw)
    top, bottom, left, right = (draw.parameters[edge][:, None, None] for edge in ("top", "bottom", "left", "right"))
    row = torch.arange(images.shape[2], device=images.device)[None, :, None]
    column = torch.arange(images.shape[3], device=images.device)[None, None, :]
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return torch.where(inside[:, None], partners, images)


def mix_targets(targets: Tensor, partners: Tensor, draw: Draw) -> Tensor:
    """Return share * targets + (1 - share) * partners, [B, ...] all, row by row."""
    share = draw.parameters["share"].to(targets).reshape(-1, *[1] * (targets.ndim - 1))
    return torch.lerp(partners, targets, share)


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha), alpha at most 1, by Joehnk's rejection (1964)."""
    while True:
        mine, other = (torch.rand(2, dtype=torch.float64, generator=generator) ** (1 / alpha)).tolist()
        if 0 < mine + other <= 1:
            return float(mine / (mine + other))
