"""Labelers and the labels they give, on this device against the CPU."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from random_sets import random_pixels

from method.augmentation import STRATEGY
from workers.ladd.labeler.training import LabelerEpoch, train_labeler
from workers.ladd.labels.dense_labels import generate_dense_labels
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.sets.stored_set import SourceSet

LOSS_LIMIT = 1e-3
"""Relative; 1e-5 was seen on an H200 after two epochs, and a false learning rate or order is a hundredth."""

LABEL_LIMIT = 1e-5
"""Of a probability; 1.5e-7 was seen on an H200."""


def check_labeler_training(device: torch.device) -> str:
    """Two epochs of ConvNetD3 at 32 px: loss and accuracy of each."""
    images = 640 if device.type == "cuda" else 40
    labels = np.arange(images) % 10
    pixels = random_pixels(images, 32).numpy()
    source = SourceSet(pixels, labels, pixels[:100], labels[:100], 10)
    own, cpu = (_trained(source, each) for each in (device, torch.device("cpu")))
    far = max(abs(a["train_loss"] / b["train_loss"] - 1) for a, b in zip(own, cpu, strict=True))
    losses = [row["train_loss"] for row in own]
    assert far <= LOSS_LIMIT, f"losses {losses}, not {[row['train_loss'] for row in cpu]}"
    return f"losses {', '.join(f'{loss:.6f}' for loss in losses)}, within {far:.1e} of the CPU's"


def check_dense_labels(device: torch.device) -> str:
    """25 views of each image by ConvNetD5 at 128 px, and whether they repeat their bits."""
    model = build_model("ConvNetD5", num_classes=10, channels=3, size=128, seed=1)
    images = torch.randn(8 if device.type == "cuda" else 1, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    cpu, first, second = (generate_dense_labels(model, images, ViewGrid(), each) for each in ("cpu", device, device))
    far = float(np.abs(cpu - first).max())
    assert far <= LABEL_LIMIT, f"a probability is {far:.1e} from that of the CPU"
    return f"{first.shape[0] * first.shape[1]} views within {far:.1e}; bits repeat: {bool((first == second).all())}"


def _trained(source: SourceSet, device: torch.device) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        rows: list[LabelerEpoch] = train_labeler(
            source,
            architecture="ConvNetD3",
            epochs=2,
            lr=0.01,
            batch_size=64,
            augmentation=STRATEGY,
            checkpoint_epochs=(2,),
            seed=0,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            device=device,
            out_dir=Path(folder),
        )
    return [asdict(row) for row in rows]
