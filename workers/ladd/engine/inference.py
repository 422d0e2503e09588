"""A trained network's logits for real images, and how often it is right."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from method.precisions import EXACT
from workers.ladd.engine.micro_batch import micro_batch_size, slices
from workers.ladd.engine.normalization import network_input
from workers.ladd.engine.precision import float32_of


def predict(
    model: nn.Module,
    images: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device | str,
    batch_size: int | None = None,
    on_images: Callable[[int], None] = lambda images: None,
    precision: str = EXACT,
) -> Tensor:
    """Return logits float32 [T, num_classes], on `device`, for images wherever they lie: as `network_input` takes them.

    The network runs in evaluation mode and stays in it, so how many images go through it at once (`batch_size`, None
    for the rule of `workers.ladd.engine.micro_batch`) does not matter. `on_images` is told the size of each batch done.
    Numbers are float32, computed as `precision` has it.
    """
    height, width = images.shape[2:] if images.is_floating_point() else images.shape[1:3]
    size = micro_batch_size(height, width, torch.device(device), batch_size)
    model.eval()
    logits = []
    with float32_of(precision), torch.inference_mode():
        for rows in slices(len(images), size):
            logits.append(model(network_input(images[rows], mean, std, device)))
            on_images(len(logits[-1]))
    return torch.cat(logits)


def measure_accuracy(
    logits: Tensor, labels: Tensor | NDArray[np.int64], num_classes: int
) -> tuple[float, list[float | None]]:
    """Return the accuracy in percent, over all images and over those of each class (None for a class without any).

    `logits` [T, num_classes], `labels` int64 [T]; the highest logit is the answer, the first one among equals.
    """
    labels = torch.as_tensor(labels)
    right = logits.argmax(dim=1).cpu() == labels
    per_class = [
        100 * int(right[of_class].sum()) / int(of_class.sum()) if of_class.any() else None
        for of_class in (labels == label for label in range(num_classes))
    ]
    return 100 * int(right.sum()) / len(labels), per_class
