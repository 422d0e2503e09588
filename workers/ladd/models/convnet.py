"""ConvNet: the network that distillation methods train through, one file for depths 3, 4 and 5."""

from torch import Tensor, nn

from method.architectures import CONVNET_WIDTH as WIDTH


class ConvNet(nn.Module):
    """`depth` blocks of 3x3 convolution, instance norm, ReLU and 2x2 average pooling, then one linear layer.

    Gidaris & Komodakis (CVPR 2018) as used by DC, MTT and GLaD: 128 channels in every block. The instance
    norm is `GroupNorm(C, C)` with learned scale and shift, so that state dicts match those code bases.
    With 3 channels and 10 classes: depth 3 at 32 px has 320,010 parameters, depth 4 at 64 px 467,850,
    depth 5 at 128 px 615,690. `border`: pixels by which the first convolution pads images more, on each side; with
    MTT's 2 px for one channel, depth 3 has 2,048 features at 28 px.
    """

    def __init__(self, *, num_classes: int, channels: int, size: int, depth: int, border: int = 0) -> None:
        super().__init__()
        side = (size + 2 * border) >> depth
        layers: list[nn.Module] = []
        for block in range(depth):
            layers += [
                nn.Conv2d(
                    channels if block == 0 else WIDTH, WIDTH, kernel_size=3, padding=1 + border if block == 0 else 1
                ),
                nn.GroupNorm(WIDTH, WIDTH),
                nn.ReLU(inplace=True),
                nn.AvgPool2d(kernel_size=2),
            ]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(WIDTH * side * side, num_classes)

    def embed(self, images: Tensor) -> Tensor:
        """Return the features before the classifier, [B, 128 * (side / 2^depth)^2], of images [B, C, H, W].

        `side` is the images' and twice the border.
        """
        features: Tensor = self.features(images)
        return features.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of images [B, C, H, W]."""
        logits: Tensor = self.classifier(self.embed(images))
        return logits
