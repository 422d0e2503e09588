"""How the rows of one optimizer step are cut up: the gradient stays that of the whole batch, the memory does not."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

CPU_PIXELS = 64 * 32 * 32
"""Pixels forwarded at once on a CPU: 64 images of 32 px, 4 of 128 px. Measured with the five architectures on one core:
from half to four times this the time per image is within 10 %, and the activations stay small."""

GPU_PIXELS = 64 * 128 * 128
"""Pixels forwarded at once on a GPU: 64 images of 128 px, for which ResNet18 saves 5 GB of activations."""


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
