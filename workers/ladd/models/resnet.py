"""ResNet18 with the CIFAR stem (3x3, stride 1, no pooling) and instance norm, at every image size."""

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(width, width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(width, width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, kernel_size=1, stride=stride, bias=False),
                nn.GroupNorm(width, width),
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps [B, width, H / stride, W / stride] of maps [B, channels, H, W]."""
        residual = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(maps)))))
        activated: Tensor = self.relu(residual + self.shortcut(maps))
        return activated


class ResNet18(nn.Module):
    """Four stages of two basic blocks (64, 128, 256, 512 channels), global average pooling, one linear layer.

    GLaD `networks/resnet.py` and `resnet_cifar.py`: convolutions without bias, `GroupNorm(C, C)` everywhere.
    With 3 channels and 10 classes: 11,173,962 parameters at every size.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, 64, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(64, 64),
            nn.ReLU(inplace=True),
        )
        self.stages = nn.Sequential(
            *(BasicBlock(64, 64, stride=1), BasicBlock(64, 64, stride=1)),
            *(BasicBlock(64, 128, stride=2), BasicBlock(128, 128, stride=1)),
            *(BasicBlock(128, 256, stride=2), BasicBlock(256, 256, stride=1)),
            *(BasicBlock(256, 512, stride=2), BasicBlock(512, 512, stride=1)),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(512, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        logits: Tensor = self.classifier(self.pool(self.stages(self.stem(images))).flatten(1))
        return logits
