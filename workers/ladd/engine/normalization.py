"""Channel normalization: the way from 8-bit pixels to tensors and back."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Statistics = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of each channel."""


def normalize(
    images_uint8: Tensor, mean: Sequence[float], std: Sequence[float], device: torch.device | str | None = None
) -> Tensor:
    """Return (x / 255 - mean) / std as [B, C, H, W] float32 on `device`, from [B, H, W, C] uint8.

    The order of operations is that of torchvision's `ToTensor` and `Normalize`, so values agree to the last bit.
    """
    images = images_uint8.to(device or images_uint8.device).permute(0, 3, 1, 2).contiguous().to(torch.float32)
    return images.div_(255).sub_(_per_channel(mean, images)).div_(_per_channel(std, images))


def network_input(
    images: Tensor, mean: Sequence[float], std: Sequence[float], device: torch.device | str | None = None
) -> Tensor:
    """Return `normalize` of uint8 [B, H, W, C], and float32 [B, C, H, W] as it is, on `device`."""
    if images.is_floating_point():
        return images.to(device or images.device)
    return normalize(images, mean, std, device)


def training_images(
    images: NDArray[np.generic],
    mean: Sequence[float],
    std: Sequence[float],
    carried: Statistics | None,
) -> Tensor:
    """Return a stored set's images as a network takes them: float32 [M, C, H, W], normalised with `mean` and `std`.

    `images` is uint8 [M, H, W, C], or float32 [M, C, H, W] that carries the statistics `carried` (None: [0, 1] scale).
    A float set that already carries `mean` and `std` comes back bit for bit.
    """
    tensor = torch.from_numpy(np.array(images))
    if tensor.dtype == torch.uint8:
        return normalize(tensor, mean, std)
    if carried is not None:
        if (list(mean), list(std)) == (list(carried[0]), list(carried[1])):
            return tensor
        tensor = tensor.mul_(_per_channel(carried[1], tensor)).add_(_per_channel(carried[0], tensor))
    return tensor.sub_(_per_channel(mean, tensor)).div_(_per_channel(std, tensor))


def renormalize(images: Tensor, carried: Statistics, wanted: Statistics) -> Tensor:
    """Return images [B, C, H, W] that carry one mean and standard deviation with others; the same where these agree."""
    mean, std, to_mean, to_std = (list(values) for values in (*carried, *wanted))
    if (mean, std) == (to_mean, to_std):
        return images
    pixels = images * _per_channel(std, images) + _per_channel(mean, images)
    return (pixels - _per_channel(to_mean, images)) / _per_channel(to_std, images)


def to_pixels(images: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    """Return the nearest 8-bit pixels [B, H, W, C] uint8 of [B, C, H, W] float32, values outside [0, 1] clipped.

    `mean` and `std` are those the images carry, or None when they are on the [0, 1] scale.
    """
    pixels = images.to(torch.float32)
    if mean is not None and std is not None:
        pixels = pixels * _per_channel(std, pixels) + _per_channel(mean, pixels)
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def normalized_range(mean: Sequence[float], std: Sequence[float]) -> list[tuple[float, float]]:
    """Return per channel the normalised values of black and of white, the range that real pixels have."""
    return [((0 - m) / s, (1 - m) / s) for m, s in zip(mean, std, strict=True)]


def _per_channel(values: Sequence[float], images: Tensor) -> Tensor:
    if len(values) != images.shape[1]:
        raise ValueError(f"normalization has {len(values)} channels, images have {images.shape[1]}")
    return _constants(tuple(values), images.device)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _constants(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return values for [B, C, H, W] on a device; kept, because a GPU is waited for to send them."""
    return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)
