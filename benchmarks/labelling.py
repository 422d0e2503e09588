"""Writing dense labels: ours against a loop over single crops, and against the network's own forward passes.

    python benchmarks/machine_peak.py && python benchmarks/labelling.py

A time is that of labelling the whole set, 25 views an image.
"""

import torch
from against_plain import Work, compare
from bench_options import parse
from random_sets import random_labelled_set
from reference_loop import cut
from torch.utils.data import DataLoader, TensorDataset
from trainings import Lap

from method.architectures import convnet_for, forward_flops
from method.layers import Shape
from workers.ladd.engine.micro_batch import micro_batch_size, slices
from workers.ladd.engine.precision import exact_float32
from workers.ladd.labels.dense_labels import generate_dense_labels
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model

BATCH = 256
SETS = {32: 50, 128: 4}
"""Images by size in pixels."""

REFERENCE = (
    "every crop cut and resized by itself, all of them in a DataLoader with batches of 256, one forward pass and one "
    "copy to the host for each batch"
)


def ours(lap: Lap, *, size: int, images: int, device: str, n: int = 5) -> None:
    """`generate_dense_labels` as it is, on an n x n grid."""
    model = build_model(convnet_for(size), num_classes=10, channels=3, size=size, seed=0)
    data = random_labelled_set(images, size).images
    while True:
        generate_dense_labels(model, data, ViewGrid(n=n), device)
        lap()


def reference(lap: Lap, *, size: int, images: int, device: str) -> None:
    """Crop by crop, then a DataLoader."""
    model = build_model(convnet_for(size), num_classes=10, channels=3, size=size, seed=0).to(device).eval()
    data = random_labelled_set(images, size).images.to(device)
    grid = ViewGrid()
    while True:
        crops = [cut(image[None], grid, view)[0] for image in data for view in range(grid.count)]
        with torch.no_grad():
            for (batch,) in DataLoader(TensorDataset(torch.stack(crops)), batch_size=BATCH):
                model(batch).softmax(dim=1).cpu()
        lap()


def plain(lap: Lap, *, size: int, images: int, device: str) -> None:
    """The network alone."""
    model = build_model(convnet_for(size), num_classes=10, channels=3, size=size, seed=0).to(device).eval()
    rows = micro_batch_size(size, size, torch.device(device))
    views = torch.randn(rows, 3, size, size, device=device)
    with exact_float32(), torch.inference_mode():
        while True:
            for part in slices(images * ViewGrid().count, rows):
                model(views[: part.stop - part.start])
            lap()


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    works = []
    for size, images in ({32: 1} if options.smoke else SETS).items():
        network = convnet_for(size)
        flops = images * 25 * forward_flops(network, Shape(10, 3, size))
        works.append(Work(network, size, f"{images} x 25 views", flops, {"size": size, "images": images}))
    compare("labelling", "Dense labelling", REFERENCE, works, options)


if __name__ == "__main__":
    main()
