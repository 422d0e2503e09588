"""AlexNet as the distillation code bases define it: no normalisation, no dropout, one linear layer."""

from torch import Tensor, nn


class AlexNet(nn.Module):
    """Five convolutions with three 2x2 max poolings; the linear layer takes the size/8 map.

    GLaD `networks/alexnet.py`, and `alexnet_cifar.py` for 32 px, which differ by the size of the map alone.
    With 3 channels and 10 classes: 1,872,202 parameters at 32 px, 2,333,002 at 128 px.
    `border`: pixels by which the first convolution pads images more, on each side.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int, border: int = 0) -> None:
        super().__init__()
        side = (size + 2 * border) // 8
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, kernel_size=5, padding=2 + border),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(192, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 192, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(192, 192, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(192 * side * side, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits
