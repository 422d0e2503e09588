"""ResNet18 with batch norm as torchvision has it: the student and teacher of SRe2L and RDED, and of LADD's Table 3."""

from torch import nn

from workers.ladd.models.torchvision_import import import_torchvision


def resnet18_bn(*, num_classes: int, channels: int, size: int) -> nn.Module:
    """Return torchvision's `resnet18`: a 7x7 stem of stride 2, a max pooling, batch norm; of any number of channels.

    With 3 channels and 1,000 classes 11,689,512 parameters, whose names are those of published weights.
    """
    network: nn.Module = import_torchvision("torchvision.models").resnet18(num_classes=num_classes)
    if channels != 3:
        stem = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
        network.conv1 = stem
    return network
