"""The architectures of the cross-architecture evaluation, one file each; `method.architectures` names them.

None of the paper's five holds a batch statistic, so a batch may be split without changing its gradient; those that do
are marked `batch_norm`.
"""

from importlib import import_module

import torch
from torch import nn

from method.architectures import ARCHITECTURES


def build_model(
    architecture: str, *, num_classes: int, channels: int, size: int, seed: int, border: int | None = None
) -> nn.Module:
    """Build a freshly initialised network for images [B, channels, size, size] on the CPU.

    `border`: pixels by which its first convolution pads images more; None: as many as the architecture has for this
    number of channels; 0: none, as all networks were built once.

    Its weights are a function of `seed` alone, drawn with torch's default initialisation as in the public
    code bases; the global generator is left as it was. Raises ValueError for an architecture that is not in
    `ARCHITECTURES`, for an image size that the architecture cannot take, and for counts below 1.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}")
    for field, value in (("num_classes", num_classes), ("channels", channels), ("size", size)):
        if value < 1:
            raise ValueError(f"{field} of {architecture} must be at least 1, got {value}")
    known = ARCHITECTURES[architecture]
    if (misfit := known.misfit(size, channels)) is not None:
        raise ValueError(misfit)
    module, _, name = known.network.partition(":")
    network = getattr(import_module(module), name)
    arguments = dict(known.arguments)
    if border := known.border_for(channels) if border is None else border:
        arguments["border"] = border
    # The CPU generator is seeded directly: torch.manual_seed would reseed the GPUs' generators as well.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built: nn.Module = network(num_classes=num_classes, channels=channels, size=size, **arguments)
        return built
