"""Training the labeler: ours against the field's loop, and against the network's own forward and backward passes.

    python benchmarks/machine_peak.py && python benchmarks/labeler.py

A time is that of a whole epoch over a resident source set: training, validation, and what is written to disk.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from against_plain import Work, compare
from bench_options import parse
from numpy.typing import NDArray
from random_sets import random_pixels
from reference_loop import accuracy_on, batch_loss, train_epoch
from torch.utils.data import DataLoader, TensorDataset
from trainings import EPOCHS, Lap

from method.architectures import convnet_for, forward_flops, training_flops
from method.augmentation import STRATEGY
from method.layers import Shape
from method.normalizations import NORMALIZATIONS
from workers.ladd.engine.micro_batch import micro_batch_size, slices
from workers.ladd.engine.normalization import normalize
from workers.ladd.engine.precision import exact_float32
from workers.ladd.labeler.training import train_labeler
from workers.ladd.models import build_model
from workers.ladd.sets.stored_set import SourceSet

BATCH = 256
MEAN, STD = NORMALIZATIONS["imagenet"]
SETS = {32: (512, 128), 128: (32, 8)}
"""Images of train and val by size in pixels."""

REFERENCE = (
    "`buffer.py` of MTT as benchmarks/labeler.py has it: float images on the device, a DataLoader without workers, "
    "DSA on every batch, a test after every epoch"
)


def ours(lap: Lap, *, size: int, train: int, val: int, device: str) -> None:
    """`train_labeler` as it is."""
    train_images, train_labels = _arrays(size, train)
    val_images, val_labels = _arrays(size, val)
    source = SourceSet(train_images, train_labels, val_images, val_labels, num_classes=10)
    with tempfile.TemporaryDirectory() as folder:
        train_labeler(
            source,
            architecture=convnet_for(size),
            epochs=EPOCHS,
            lr=0.01,
            batch_size=BATCH,
            augmentation=STRATEGY,
            checkpoint_epochs=(),
            seed=0,
            mean=MEAN,
            std=STD,
            device=device,
            out_dir=Path(folder),
            on_checkpoint=lambda path: lap(),
        )


def reference(lap: Lap, *, size: int, train: int, val: int, device: str) -> None:
    """The loop of MTT's experts."""
    sets = [
        TensorDataset(normalize(torch.from_numpy(pixels), MEAN, STD, device), torch.from_numpy(labels).to(device))
        for pixels, labels in (_arrays(size, train), _arrays(size, val))
    ]
    model = build_model(convnet_for(size), num_classes=10, channels=3, size=size, seed=0).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(sets[0], batch_size=BATCH, shuffle=True)
    while True:
        train_epoch(model, loader, batch_loss(STRATEGY), optimizer)
        accuracy_on(model, sets[1])
        lap()


def plain(lap: Lap, *, size: int, train: int, val: int, device: str) -> None:
    """The network alone."""
    model = build_model(convnet_for(size), num_classes=10, channels=3, size=size, seed=0).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=True)
    rows = micro_batch_size(size, size, torch.device(device))
    images = torch.randn(rows, 3, size, size, device=device)
    labels = torch.arange(rows, device=device) % 10
    with exact_float32():
        while True:
            model.train()
            for batch in slices(train, BATCH):
                optimizer.zero_grad()
                for part in slices(batch.stop - batch.start, rows):
                    count = part.stop - part.start
                    torch.autograd.backward(F.cross_entropy(model(images[:count]), labels[:count]))
                optimizer.step()
            model.eval()
            with torch.inference_mode():
                for part in slices(val, rows):
                    model(images[: part.stop - part.start])
            lap()


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    works = []
    for size, (train, val) in ({32: (8, 4)} if options.smoke else SETS).items():
        network = convnet_for(size)
        flops = train * training_flops(network, Shape(10, 3, size))
        flops += val * forward_flops(network, Shape(10, 3, size))
        works.append(Work(network, size, f"{train} + {val}", flops, {"size": size, "train": train, "val": val}))
    compare("labeler", "Labeler training", REFERENCE, works, options)


def _arrays(size: int, images: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return random_pixels(images, size).numpy(), np.arange(images) % 10


if __name__ == "__main__":
    main()
