"""Grad-CAM (Selvaraju et al., ICCV 2017): where in an image a trained network finds its class.

The paper's Figure 4 (section 4.4) is made of it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def grad_cam(model: nn.Module, part: str, images: Tensor, classes: Tensor) -> NDArray[np.float32] | None:
    """Return a map float32 [B, h, w] in [0, 1] for each normalised image [B, C, H, W] and class int64 [B].

    ReLU of the sum of the feature maps that `part` of the network gives, each weighed by the mean gradient of the
    class's logit with respect to it (equations 1 and 2), divided by its maximum; all 0 where nothing speaks for the
    class. None for maps of a single point (VGG11 at 32 px).
    """
    maps: list[Tensor] = []
    hook = model.get_submodule(part).register_forward_hook(lambda module, inputs, output: maps.append(output))
    try:
        # So that the maps have a gradient even where the weights of an averaged network want none.
        logits = model(images.detach().requires_grad_())
    finally:
        hook.remove()
    if maps[0].shape[2:] == (1, 1):
        return None
    (gradients,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps[0])
    weighed = (gradients.mean(dim=(2, 3), keepdim=True) * maps[0].detach()).sum(dim=1).relu()
    highest = weighed.amax(dim=(1, 2), keepdim=True)
    found: NDArray[np.float32] = (weighed / highest.clamp(min=torch.finfo(weighed.dtype).tiny)).float().cpu().numpy()
    return found
