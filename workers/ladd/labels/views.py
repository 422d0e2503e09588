"""The local views S_j of an image: a grid of overlapping crops, each resized back to the full size.

Kang, Lim & Shim, "Label-Augmented Dataset Distillation" (WACV 2025), section 3.1: N x N crops, each covering
a ratio R of either axis, a stride of (1 - R) / (N - 1) of the axis apart.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from method.views import crop_offsets, crop_side


@dataclass(frozen=True)
class ViewGrid:
    """N x N views that cover `ratio` of each axis; the paper uses n = 5 and ratio = 0.625 (section 4.1).

    View j = row * n + column. At 128 px the paper's grid has crops of 80 px at 0, 12, 24, 36, 48.
    Raises ValueError unless n is a whole number of at least 1 and ratio lies in (0, 1].
    """

    n: int = 5
    ratio: float = 0.625

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError(f"views.n must be a whole number of at least 1, got {self.n!r}")
        if not 0 < self.ratio <= 1:
            raise ValueError(f"views.ratio must be above 0 and at most 1, got {self.ratio!r}")

    @property
    def count(self) -> int:
        """Number of views of one image, n * n."""
        return self.n * self.n

    def crop_side(self, size: int) -> int:
        """Side in pixels of a crop along an axis of `size` pixels."""
        return crop_side(self.ratio, size)

    def offsets(self, size: int) -> tuple[int, ...]:
        """First pixels of the n crops along an axis."""
        return crop_offsets(self.n, self.ratio, size)


def extract_views(images: Tensor, grid: ViewGrid, indices: Tensor | None = None) -> Tensor:
    """Cut views out of float images [B, C, H, W] and resize each to H x W; returns [B, K, C, H, W].

    `indices`, int64 [B, K], names the views of each image; without it, K = n * n, all of them in order.
    The resize is bilinear with align_corners=False and antialias=False. A view's pixels depend on its image
    and index alone. Raises ValueError if `indices` does not have B rows.
    """
    batch = len(images)
    if indices is None:
        indices = torch.arange(grid.count).expand(batch, -1)
    if indices.ndim != 2 or len(indices) != batch:
        raise ValueError(f"indices must be [{batch}, K] for {batch} images, got {list(indices.shape)}")
    image = torch.arange(batch, device=images.device).repeat_interleave(indices.shape[1])
    views = cut_views(images, grid, image, indices.to(images.device).flatten())
    return views.reshape(*indices.shape, *views.shape[1:])


def cut_views(images: Tensor, grid: ViewGrid, image: Tensor, view: Tensor) -> Tensor:
    """Cut view `view[r]` out of image `image[r]`, as `extract_views` does; returns [R, C, H, W].

    `image` and `view` are int64 [R] on the device of the images [M, C, H, W]; that is never waited for.
    """
    channels, height, width = images.shape[1:]
    device = images.device
    rows = _positions(grid, height, device)[view // grid.n]
    columns = _positions(grid, width, device)[view % grid.n]
    crops = images[
        image[:, None, None, None],
        torch.arange(channels, device=device)[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    return F.interpolate(crops, size=(height, width), mode="bilinear", align_corners=False, antialias=False)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _positions(grid: ViewGrid, size: int, device: torch.device) -> Tensor:
    """Pixel positions [n, side] that the crops cover along an axis; kept, because a GPU is waited for to send them."""
    starts = torch.tensor(grid.offsets(size), device=device)
    return starts[:, None] + torch.arange(grid.crop_side(size), device=device)
