"""VGG11 with instance norm and one linear layer, in its CIFAR and its ImageNet form."""

import torch
from torch import Tensor, nn

from method.architectures import VGG_IMAGENET_MAP, VGG_STAGES


class VGG11(nn.Module):
    """Eight convolutions, each with `GroupNorm(C, C)` and ReLU, in five max-pooled stages.

    GLaD `networks/vgg_cifar.py` (32 px) and `networks/vgg.py` (larger images).
    With 3 channels and 10 classes: 9,231,114 parameters at 32 px, 9,476,874 at 64 and 128 px.
    `border`: pixels by which the first convolution pads images more, on each side.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int, border: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = channels
        for stage in VGG_STAGES:
            for width in stage:
                layers += [
                    nn.Conv2d(previous, width, kernel_size=3, padding=1 + border),
                    nn.GroupNorm(width, width),
                    nn.ReLU(inplace=True),
                ]
                previous, border = width, 0
            layers.append(nn.MaxPool2d(2))
        side = 1
        if size > 32:
            side = VGG_IMAGENET_MAP
            layers.append(ImagenetMap())
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(previous * side * side, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


class ImagenetMap(nn.AdaptiveMaxPool2d):
    """torch's adaptive max pooling; or, where bits are to repeat on a GPU, which torch's backward pass cannot do there,
    the same maxima of the same windows.
    """

    def __init__(self) -> None:
        super().__init__(VGG_IMAGENET_MAP)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps [B, C, 7, 7] of maps [B, C, H, W]."""
        if maps.is_cuda and torch.are_deterministic_algorithms_enabled():
            return self.by_windows(maps)
        pooled: Tensor = super().forward(maps)
        return pooled

    def by_windows(self, maps: Tensor) -> Tensor:
        """Return what `forward` does, window by window: i of n goes from floor(i H / n) to ceil((i + 1) H / n)."""
        for axis in (2, 3):
            side, n = maps.shape[axis], VGG_IMAGENET_MAP
            bounds = [(i * side // n, -(-(i + 1) * side // n)) for i in range(n)]
            maps = torch.stack([maps.narrow(axis, first, last - first).amax(axis) for first, last in bounds], axis)
        return maps
