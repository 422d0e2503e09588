"""Which checkpoint of a labeler writes the labels, and at which temperature, by source images that it has not seen.

The criterion is the mean cross-entropy of the labeler's answers on local views with the images' labels. It is a proper
score: up to a constant it is the divergence of the answer from the true distribution of classes given the view, which
is what a dense label stands for. An untrained checkpoint pays for what it does not know, an over-trained one for being
sure of views that do not show enough. It knows nothing of the number of images per class: published sweeps ("A Label
is Worth a Thousand Images", NeurIPS 2024, hyper-parameter table) find that the best epoch grows with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from method.labeler import MOST_JUDGED_ON
from workers.ladd.engine.micro_batch import micro_batch_size, slices
from workers.ladd.engine.normalization import normalize
from workers.ladd.engine.precision import exact_float32
from workers.ladd.engine.seeds import derive_seed
from workers.ladd.labels.views import ViewGrid, extract_views

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures that are considered."""
_STEPS = 60


@dataclass(frozen=True)
class HeldOutViews:
    """One view for each of n held-out images: uint8 [n, H, W, C], the view's index int64 [n], labels int64 [n]."""

    images: Tensor
    indices: Tensor
    labels: Tensor
    grid: ViewGrid


@dataclass(frozen=True)
class Candidate:
    """A checkpoint's mean cross-entropy in nats at a temperature."""

    epoch: int
    temperature: float
    cross_entropy: float


def draw_held_out_views(
    images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64], grid: ViewGrid, seed: int
) -> HeldOutViews:
    """Draw at most `MOST_JUDGED_ON` of the held-out `rows` of a train split, and a view of the grid for each."""
    draws = np.random.default_rng(derive_seed(seed, "checkpoint_choice"))
    chosen = np.sort(draws.permutation(rows)[:MOST_JUDGED_ON])
    indices = draws.integers(0, grid.count, len(chosen))
    return HeldOutViews(
        torch.from_numpy(images[chosen]), torch.from_numpy(indices), torch.from_numpy(labels[chosen]), grid
    )


def view_logits(
    model: nn.Module,
    views: HeldOutViews,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device | str,
    on_images: Callable[[int], None] = lambda images: None,
) -> Tensor:
    """Return the labeler's logits float32 [n, C], on the CPU, for the held-out views."""
    model, device = model.to(device).eval(), torch.device(device)
    size = micro_batch_size(views.images.shape[1], views.images.shape[2], device)
    logits = []
    with exact_float32(), torch.inference_mode():
        for rows in slices(len(views.images), size):
            images = normalize(views.images[rows], mean, std, device)
            logits.append(model(extract_views(images, views.grid, views.indices[rows, None]).squeeze(1)).cpu())
            on_images(len(images))
    return torch.cat(logits)


def judge(epoch: int, logits: Tensor, labels: Tensor, temperature: float | None) -> Candidate:
    """Return a checkpoint's cross-entropy at `temperature`, None: at the one that fits best."""
    if temperature is None:
        temperature = fit_temperature(logits, labels)
    return Candidate(epoch, temperature, F.cross_entropy(logits.double() / temperature, labels).item())


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature between `COLDEST` and `HOTTEST` with the lowest mean cross-entropy.

    The cross-entropy is convex in 1 / temperature, so the sign of its slope, mean(E[z] - z_y) with the expectation over
    the softmax of z / temperature, tells on which side the minimum lies.
    """
    logits = logits.double()
    target = logits.gather(1, labels[:, None]).mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        slope = ((logits * middle).softmax(dim=1) * logits).sum(dim=1).mean() - target
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate of the lowest cross-entropy, the earlier epoch among equals."""
    return min(candidates, key=lambda candidate: (candidate.cross_entropy, candidate.epoch))
