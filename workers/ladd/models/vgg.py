"""VGG11 with instance norm and one linear layer, in its CIFAR and its ImageNet form."""

from torch import Tensor, nn

from method.architectures import VGG_IMAGENET_MAP, VGG_STAGES


class VGG11(nn.Module):
    """Eight convolutions, each with `GroupNorm(C, C)` and ReLU, in five max-pooled stages.

    GLaD `networks/vgg_cifar.py` (32 px) and `networks/vgg.py` (larger images).
    With 3 channels and 10 classes: 9,231,114 parameters at 32 px, 9,476,874 at 64 and 128 px.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = channels
        for stage in VGG_STAGES:
            for width in stage:
                layers += [
                    nn.Conv2d(previous, width, kernel_size=3, padding=1),
                    nn.GroupNorm(width, width),
                    nn.ReLU(inplace=True),
                ]
                previous = width
            layers.append(nn.MaxPool2d(2))
        side = 1
        if size > 32:
            side = VGG_IMAGENET_MAP
            layers.append(nn.AdaptiveMaxPool2d(VGG_IMAGENET_MAP))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(previous * side * side, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits
