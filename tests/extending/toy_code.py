"""The code of the toy network."""

from torch import Tensor, nn


class ToyLinear(nn.Module):
    def __init__(self, *, num_classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(channels * size**2, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(images.flatten(1))
        return logits
