"""The way of many small tensors to a GPU: as one block, which nobody waits for."""

from collections.abc import Sequence

import torch
from torch import Tensor


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return CPU tensors of at least one dimension on `device`, each with its dtype and shape.

    To a GPU they go as views of one block of pinned memory, in one asynchronous copy: sent one by one, each would have
    the host wait for the device (280 copies and 43 synchronisations a step, measured on an H200). On the CPU they are
    returned as they are.
    """
    if device.type == "cpu" or not tensors:
        return list(tensors)
    # The widest first, so that every one is aligned.
    order = sorted(range(len(tensors)), key=lambda index: -tensors[index].element_size())
    block = torch.cat([tensors[index].flatten().view(torch.uint8) for index in order])
    if device.type == "cuda":
        block = block.pin_memory()
    block = block.to(device, non_blocking=True)
    sizes = [tensors[index].nbytes for index in order]
    moved = {
        index: part.view(tensors[index].dtype).view(tensors[index].shape)
        for index, part in zip(order, torch.split(block, sizes), strict=True)
    }
    return [moved[index] for index in range(len(tensors))]
