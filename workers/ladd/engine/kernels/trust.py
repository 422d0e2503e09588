"""A fused network is used after a comparison with the plain one, on the device and in the arithmetic of the training.

The limit comes from the plain network itself: both are held against float64, and the fused one may be FACTOR times as
far from it as the plain one is, parameter by parameter. So each number format, TF32 included, brings its own rounding.
"""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from workers.ladd.engine.memory import is_memory_shortage

ROWS = 2
"""Images of the comparison. An instance norm knows one image at a time; two show whether they are kept apart."""

FACTOR = 4.0
"""How many times the plain network's distance from float64 is still rounding."""

_checked: dict[tuple[str, tuple[int, ...], torch.dtype, str], str | None] = {}
"""By network, shape, number format and device: None, or why the fused network is not used. Kept for the process."""


class NotFusedError(RuntimeError):
    """A network cannot be computed by the fused kernels, or they do not compute it right; the message says why."""


def trusted(model: nn.Module, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Return the fused forward pass of `model`: float32 images [B, C, H, W] to logits, under the caller's autocast.

    Its first call compiles the kernels and, where this process has not done so for such images yet, compares: CUDA
    graphs are to be recorded after it. Raises NotFusedError then.
    """
    network: nn.Module | None = None

    def forward(images: Tensor) -> Tensor:
        nonlocal network
        if network is None:
            if (reason := why_not_fused(model, tuple(images.shape[1:]), dtype, images.device)) is not None:
                raise NotFusedError(reason)
            network = _fused(model)
        logits: Tensor = network(images)
        return logits

    return forward


def why_not_fused(model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> str | None:
    """Return why a model is not to be computed by the fused kernels for images of `shape` (C, H, W), None when it may.

    `dtype`: bfloat16 for autocast, or float32. The model's gradients, mode and layout stay as they are, as do the
    random generators. Raises what shows a shortage of memory.
    """
    key = (repr(model), shape, dtype, str(device))
    if key not in _checked:
        try:
            _checked[key] = _difference(model, shape, dtype, device)
        # Triton may be missing, or fail in as many ways as there are compilers.
        except Exception as error:
            if is_memory_shortage(error):
                raise
            _checked[key] = f"{type(error).__name__}: {error}"
    return _checked[key]


def _fused(model: nn.Module) -> nn.Module:
    # Here: a machine without a GPU has no Triton.
    from workers.ladd.engine.kernels.fusing import fused

    return fused(model)


def _difference(model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> str | None:
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(ROWS, *shape, generator=draws).to(device)
    # Without dropout, and so without its random numbers.
    plain = deepcopy(model).eval()
    exact_plain = deepcopy(plain).double()
    exact = passes(exact_plain, exact_plain, images.double(), torch.float64)
    images = images.contiguous(memory_format=torch.channels_last)
    rounded = passes(plain, plain, images, dtype)
    fused = passes(_fused(plain), plain, images, dtype)
    for name, right in exact.items():
        near, far = (float((result[name].double() - right).norm()) for result in (rounded, fused))
        limit = FACTOR * max(near, torch.finfo(dtype).eps * float(right.norm()))
        # Not `far > limit`: NaN is beyond it as well.
        if not far <= limit:
            return f"{name} is {far:.2g} away from its float64 value, the plain network's {near:.2g}"
    return None


def passes(network: nn.Module, model: nn.Module, images: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return logits [B, classes] of a forward pass of `network`, and the gradients of the parameters of `model`, whose
    form it is, by name.

    The gradient of the logits is drawn, the same for equal shapes.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = network(images)
    slope = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(logits, list(parameters.values()), slope, materialize_grads=True)
    return {"logits": logits.detach(), **dict(zip(parameters, gradients, strict=True))}
