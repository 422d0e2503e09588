"""Made-up sets: times do not depend on what is in the pictures."""

import torch
from torch import Tensor

from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.labels.views import ViewGrid


def random_labelled_set(images: int, size: int, num_classes: int = 10, n: int = 5) -> TrainingSet:
    """A normalised set of `images` images of 3 channels with dense labels for n x n views."""
    draws = torch.Generator().manual_seed(0)
    grid = ViewGrid(n=n)
    return TrainingSet(
        images=torch.randn(images, 3, size, size, generator=draws),
        labels=torch.arange(images) % num_classes,
        dense_labels=torch.randn(images, grid.count, num_classes, generator=draws).softmax(dim=2),
        grid=grid,
    )


def random_pixels(images: int, size: int) -> Tensor:
    """Pixels uint8 [images, size, size, 3]."""
    draws = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (images, size, size, 3), generator=draws, dtype=torch.uint8)
