"""Train ConvNetD3 on a label-augmented archive, without the service, and print its accuracy on real images.

    python examples/train_on_archive.py archive.zip source/val

Eq. 5 of Kang, Lim & Shim (WACV 2025) by GLaD's recipe with the overrides of the protocol `quick`, without augmentation:
what a job with `"protocol": "quick", "evaluation": {"overrides": {"augmentation": "none"}}` reports for `ladd`.
`source/val` has a folder of images for each class. Needs `pip install "ladd-client[torch]"`.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from ladd_client.data import LabelAugmentedDataset
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

EPOCHS = 24
BATCH = 25


def convnet(channels: int, size: int, classes: int) -> nn.Module:
    """Return a fresh ConvNetD3: three blocks of 128 channels."""
    blocks: list[nn.Module] = []
    for before in (channels, 128, 128):
        blocks += [nn.Conv2d(before, 128, 3, padding=1), nn.GroupNorm(128, 128), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(128 * (size // 8) ** 2, classes))


def train(model: nn.Module, batches: Iterable[list[Tensor]], epochs: int = EPOCHS) -> nn.Module:
    """Return the average that GLaD tests, which reaches over the last fifth of the epochs."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    rise = epochs // 2  # epochs in which the learning rate rises, before it falls as a cosine, GLaD's an epoch late

    def rate(epoch: int) -> float:
        fallen = max(0, epoch - rise - 1) / (epochs - rise)
        return epoch / rise if epoch < rise else (1 + math.cos(math.pi * fallen)) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    beta = max(0, 1 - 5 / epochs)
    average = AveragedModel(model, avg_fn=lambda mean, latest, _: beta * mean + (1 - beta) * latest)
    for _ in range(epochs):
        for image, label, views, dense in batches:
            loss = F.cross_entropy(model(image), label)
            loss = loss + F.cross_entropy(model(views.flatten(0, 1)), dense.flatten(0, 1))  # times V: Eq. 5's sum
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        schedule.step()
        average.update_parameters(model)
    return average.eval()


def accuracy(model: nn.Module, data: LabelAugmentedDataset, folder: Path) -> float:
    """Return the accuracy in percent on the images of a folder, which has one for each class, in label order."""
    right = []
    for label, images in enumerate(sorted(folder.iterdir())):
        pixels = np.stack([np.asarray(Image.open(file)) for file in sorted(images.iterdir())])
        with torch.inference_mode():
            answers = model(data.test_images(pixels.reshape(*pixels.shape[:3], -1))).argmax(1)
        right.append((answers == label).float())
    return 100 * torch.cat(right).mean().item()


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path, help="any form but mtt")
    parser.add_argument("val", type=Path, help="a folder with a folder of real images for each class")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    data = LabelAugmentedDataset(given.archive, "sampled:2")
    model = convnet(data.images.shape[1], data.images.shape[2], data.num_classes)
    trained = train(model, DataLoader(data, BATCH, shuffle=True), given.epochs)
    print(f"{accuracy(trained, data, given.val):.2f} %")


if __name__ == "__main__":
    main()
