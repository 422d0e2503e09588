"""Dense labels: what the labeler says about every local view of every distilled image."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.ladd.engine.micro_batch import micro_batch_size, slices
from workers.ladd.engine.precision import exact_float32
from workers.ladd.labels.views import ViewGrid, cut_views

WHOLE_IMAGE = ViewGrid(n=1, ratio=1.0)
"""The grid whose only view is the image itself: what the labeler says about it are the `full_labels` of Table 6."""


def generate_dense_labels(
    model: nn.Module,
    images: Tensor,
    grid: ViewGrid,
    device: torch.device | str,
    batch_size: int | None = None,
    temperature: float = 1.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:
    """Return y^d = softmax(g(S_j(x)) / temperature) float32 [M, N^2, C] for images float32 [M, C, H, W].

    LADD section 3.1 (Eq. 4), which names no temperature: 1. The images carry the labeler's normalization. No
    augmentation, evaluation mode, float32 without TF32: on a CPU, with the same number of threads, two runs give the
    same bytes. `batch_size` is the number of views forwarded at once, None for the rule of `engine.micro_batch`;
    `progress` counts views.
    Raises ValueError if the labeler answers with something that is not a number.
    """
    device = torch.device(device)
    model, images = model.to(device).eval(), images.to(device)
    count = len(images) * grid.count
    views = torch.arange(count, device=device)
    answers = []
    with exact_float32(), torch.inference_mode():
        for rows in slices(count, micro_batch_size(images.shape[2], images.shape[3], device, batch_size)):
            inputs = cut_views(images, grid, views[rows] // grid.count, views[rows] % grid.count)
            answers.append((model(inputs) / temperature).softmax(dim=1).cpu())
            progress(rows.stop, count)
    labels: NDArray[np.float32] = torch.cat(answers).reshape(len(images), grid.count, -1).numpy()
    if not np.isfinite(labels).all():
        image = int(np.argwhere(~np.isfinite(labels))[0][0])
        raise ValueError(f"dense_labels must be finite numbers; the labeler gave others for image {image}")
    return labels
