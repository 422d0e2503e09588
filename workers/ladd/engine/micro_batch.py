"""How the rows of one optimizer step are cut up: the gradient stays that of the whole batch, the memory does not."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

CPU_PIXELS = 64 * 32 * 32
"""Pixels forwarded at once on a CPU: 64 images of 32 px, 4 of 128 px. Measured with the five architectures on one core:
from half to four times this the time per image is within 10 %, and the activations stay small."""

GPU_PIXELS = 64 * 128 * 128
"""Pixels forwarded at once on a GPU where its memory is not asked: 64 images of 128 px, for which ResNet18 saves 5 GB
of activations."""

MOST_GPU_PIXELS = 8 * GPU_PIXELS
"""Pixels forwarded at once on a GPU whose memory bears it: 512 images of 128 px. Their 128 maps are 2^30 numbers; from
2^31 on torch cuts a convolution's batch and counts in 64 bits. ConvNetD5 on an H200 took 55 us a row of 300 and 54 of
64: what more rows save is launches, of which there are too few to matter by then."""

SHARE_OF_FREE = 0.8
"""Part of the free memory of a GPU that a training's predicted peak may take."""


FLOPS_PER_WEIGHT = 16_000
"""FLOPs that a micro-batch must have for each weight of the network: every micro-batch handles all weights once, which
takes a core as long as some 200 FLOPs each. VGG11 at 128 px is 13 % faster with 16 images at once than with 4, ViT
8 %."""


def micro_batch_size(height: int, width: int, device: torch.device, requested: int | None = None) -> int:
    """Return how many images [C, height, width] to forward at once: `requested`, else by a constant pixel count."""
    pixels = CPU_PIXELS if device.type == "cpu" else GPU_PIXELS
    return requested or max(1, pixels // (height * width))


def training_micro_batch(height: int, width: int, device: torch.device, weights: int, flops: int) -> int:
    """Return how many images of a training of `flops` an image to forward at once, in a network of `weights`."""
    return max(micro_batch_size(height, width, device), -(-FLOPS_PER_WEIGHT * weights // flops))


def gpu_micro_batch(height: int, width: int, rows: int, free: int, peak_of: Callable[[int], int]) -> int:
    """Return how many of the `rows` images of a step to forward at once on a GPU with `free` bytes for the training.

    `peak_of` predicts the bytes of a number of images. As many as `MOST_GPU_PIXELS` and the memory allow, halved until
    they fit, so that a little memory more or less does not matter, and at least one; then the same number in each
    micro-batch of the step, as nearly as may be.
    """
    size = min(rows, max(1, MOST_GPU_PIXELS // (height * width)))
    while size > 1 and peak_of(size) > SHARE_OF_FREE * free:
        size = -(-size // 2)
    return even(rows, size)


def even(rows: int, size: int) -> int:
    """Return the size of micro-batches that are as equal as may be and as many as those of `size` images."""
    return -(-rows // -(-rows // size))


def slices(rows: int, size: int, first: int = 0) -> list[slice]:
    """Cut the rows from `first` to `rows` into slices of `size`; the last may be shorter."""
    return [slice(start, min(start + size, rows)) for start in range(first, rows, size)]


def check_divisible(model: nn.Module, rows: int, size: int) -> None:
    """Raise ValueError if `rows` would be cut although the model normalises over its batch."""
    if rows > size and has_batch_statistics(model):
        raise ValueError(
            f"micro_batch must be at least the {rows} rows of a step for a network with batch statistics "
            f"(a part of a batch has other statistics than the whole); got {size}"
        )


def has_batch_statistics(model: nn.Module) -> bool:
    """Tell whether a module of the model normalises over the batch, so that splitting a batch changes it."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())
