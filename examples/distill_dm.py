"""Distil Fashion-MNIST by distribution matching (DM) and write the set in MTT's layout.

Zhao & Bilen, "Dataset Condensation with Distribution Matching" (WACV 2023). Every iteration draws a fresh
random ConvNetD3 and moves the synthetic images of each class so that their mean feature comes near the mean
feature of a batch of real ones: loss = sum over classes of |mean f(A(real)) - mean f(A(synthetic))|^2, f the
features before the classifier, A one siamese augmentation (the same family and parameters for every image
of the class, real and synthetic). SGD on the images, lr 1.0, momentum 0.5, from real images on.

    python examples/distill_dm.py --data /usr/share/datasets/fashion-mnist --out fashion_mnist_dm_ipc10

`--data` holds the idx.gz files of Fashion-MNIST. The output folder gets `images_best.pt` (float32
[10 * ipc, 1, 32, 32], normalised), `labels_best.pt` (int64 [10 * ipc]) and `distill.json`.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from fashion_mnist import read_split
from torch import Tensor

from method.augmentation import STRATEGY
from workers.ladd.engine.dsa import apply_dsa, draw_dsa
from workers.ladd.models import build_model
from workers.ladd.models.convnet import ConvNet

NUM_CLASSES = 10
SIZE = 32
# Fashion-MNIST's mean and standard deviation in the DC, DSA and DM code base.
MEAN, STD = 0.2861, 0.3530
LEARNING_RATE, MOMENTUM = 1.0, 0.5
SAVE_EVERY = 100


def main() -> None:
    """Distil, report a line and save every 100 iterations."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    images, labels = map(torch.from_numpy, read_split(args.data, "train"))
    by_class = [images[labels == label, None] for label in range(NUM_CLASSES)]

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(torch.arange(NUM_CLASSES).repeat_interleave(args.ipc), args.out / "labels_best.pt")
    losses: list[float] = []
    start = time.monotonic()
    generator = torch.Generator().manual_seed(args.seed)
    for synthetic, loss in distill(by_class, args.ipc, args.iterations, args.batch_real, generator):
        losses.append(loss)
        done = len(losses)
        if done % SAVE_EVERY and done != args.iterations:
            continue
        recent, seconds = float(np.mean(losses[-SAVE_EVERY:])), time.monotonic() - start
        torch.save(synthetic.clone(), args.out / "images_best.pt")
        write_facts(args, done, recent, seconds)
        print(f"iteration {done}/{args.iterations}  loss {recent:.3f}  {seconds:.0f} s", flush=True)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Distil Fashion-MNIST by distribution matching.")
    parser.add_argument("--data", type=Path, required=True, help="folder with Fashion-MNIST's idx.gz files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the distilled set")
    parser.add_argument("--ipc", type=int, default=10, help="images per class")
    parser.add_argument("--iterations", type=int, default=20_000, help="20,000 in the paper")
    parser.add_argument("--batch-real", type=int, default=256, help="real images per class and iteration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def distill(
    by_class: list[Tensor], ipc: int, iterations: int, batch_real: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, float]]:
    """Yield the synthetic images (float32 [classes * ipc, 1, 32, 32], class-major) and the loss of each iteration.

    `by_class` holds the real images of every class, uint8 [n, 1, 32, 32].
    """
    start = torch.cat([normalize(sample(real, ipc, generator)) for real in by_class])
    synthetic = start.requires_grad_()
    optimizer = torch.optim.SGD([synthetic], lr=LEARNING_RATE, momentum=MOMENTUM)
    for _ in range(iterations):
        seed = int(torch.randint(2**31, (), generator=generator))
        network = build_model("ConvNetD3", num_classes=NUM_CLASSES, channels=1, size=SIZE, seed=seed)
        network.requires_grad_(False)
        assert isinstance(network, ConvNet)
        total = 0.0
        for real, fake in zip(by_class, torch.split(synthetic, ipc), strict=True):
            draw = draw_dsa(1, (SIZE, SIZE), generator, STRATEGY)
            batch = normalize(sample(real, batch_real, generator))
            with torch.no_grad():
                target = network.embed(apply_dsa(batch, draw.repeat(len(batch)))).mean(0)
            loss = (target - network.embed(apply_dsa(fake, draw.repeat(ipc))).mean(0)).square().sum()
            torch.autograd.backward(loss)
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        yield synthetic.detach(), total


def sample(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` images without replacement."""
    return images[torch.randperm(len(images), generator=generator)[:count]]


def normalize(images: Tensor) -> Tensor:
    """Turn bytes into float32 with Fashion-MNIST's mean 0 and standard deviation 1."""
    return (images.float() / 255 - MEAN) / STD


def write_facts(args: argparse.Namespace, iterations: int, loss: float, seconds: float) -> None:
    """Write `distill.json`: what was run, with what, how long, and the mean loss of the last iterations."""
    facts = {
        "method": "DM",
        "source": "Fashion-MNIST, 28x28 padded to 32x32 with zeros",
        "normalization": {"name": "fashion_mnist", "mean": MEAN, "std": STD},
        "augmentation": STRATEGY,
        "args": {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "iterations": iterations,
        "seconds": round(seconds, 1),
        "final_loss": loss,
    }
    (args.out / "distill.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
