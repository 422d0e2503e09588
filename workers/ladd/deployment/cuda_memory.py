"""How much memory of a GPU a training takes, predicted from shapes alone.

Besides the tensors that `workers.ladd.deployment.memory` counts there are float32 copies under autocast, and workspaces
of cuDNN. The model and its constants explain ten peaks of one H200 (five networks, 128 px, 64 rows at once), which they
exceed by 3 to 19 % (`tests/workers/ladd/deployment/test_cuda_memory.py`). They have not been held to other cards, sizes
or numbers of rows; for ten rows of IEEE float32 cuDNN takes its FFT less often than is assumed here. A compiled network
is counted as the eager one, of which it takes less.
"""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from workers.ladd.deployment.memory import LiveBytes, parameter_bytes
from workers.ladd.engine.execution import Execution
from workers.ladd.engine.micro_batch import micro_batch_size
from workers.ladd.models import build_model

KEPT_BY_LIBRARIES = 80 << 20
"""Bytes of cuBLAS's workspaces (32 MiB on such a card, NVIDIA's cuBLAS guide) and of what else stays: fitted."""

OVERHEAD_OF_ACTIVATIONS = 1.05
"""How much more than their own bytes activations take: the allocator's rounding, augmentation, gaps. Fitted."""

FFT_SIDES = (32, 64)
"""Sides of the transforms that cuDNN's FFT convolutions take for a map and its border, by the workspaces they explain:
32 for maps up to 16 px, 64 for those of 32 px; larger maps are convolved otherwise."""


@lru_cache(maxsize=32)
def cuda_peak_bytes(
    architecture: str,
    *,
    num_classes: int,
    channels: int,
    size: int,
    border: int | None = None,
    micro_batch: int,
    copies: int,
    execution: Execution,
    ieee_test: bool,
) -> int:
    """Return the most bytes of torch's tensors while a network is trained and tested, without the images of the set.

    `copies`: of the weights besides the gradient (momentum, average). `ieee_test`: whether the test is in IEEE float32.
    """
    with torch.device("meta"):
        model = build_model(architecture, num_classes=num_classes, channels=channels, size=size, seed=0, border=border)
    weights = parameter_bytes(model)
    with _CudaBytes(execution.dtype == "float32" and execution.layout == "contiguous") as training:
        images = torch.empty(micro_batch, channels, size, size, device="meta")
        with _Autocast(execution.dtype == "bfloat16"):
            logits = model(images)
        torch.autograd.backward(F.cross_entropy(logits.float(), torch.empty_like(logits, dtype=torch.float32)))
    with _CudaBytes(ieee_test) as test, torch.inference_mode():
        model(torch.empty(micro_batch_size(size, size, torch.device("cuda")), channels, size, size, device="meta"))
    # While it is trained the meta device counts one gradient of the weights, which stays for the test.
    most: int = max(training.peak - weights, test.peak)
    return (2 + copies) * weights + KEPT_BY_LIBRARIES + round(OVERHEAD_OF_ACTIVATIONS * most)


class _CudaBytes(LiveBytes):  # type: ignore[no-untyped-call]
    """Counts cuDNN's workspaces as well: `fft` where it may convolve by FFT, in IEEE float32 and NCHW alone."""

    def __init__(self, fft: bool) -> None:
        super().__init__()
        self._fft = fft

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = super().__torch_dispatch__(func, types, args, kwargs)
        if self._fft and (convolution := _CONVOLUTIONS.get(func)) is not None:
            images, filters, stride = convolution
            # What is the default is not among the arguments.
            step = args[stride] if stride < len(args) else [1]
            self.peak = max(self.peak, self.live + _fft_bytes(args[images], args[filters], step))
        return made


_ATEN = torch.ops.aten
_CONVOLUTIONS: dict[Any, tuple[int, int, int]] = {
    _ATEN.conv2d.default: (0, 1, 3),
    _ATEN.convolution.default: (0, 1, 3),
    _ATEN.convolution_backward.default: (1, 2, 4),
}
"""Places of images [N, C, H, W], filters [K, C, R, S] and stride among the arguments."""


def _fft_bytes(images: Tensor, filters: Tensor, stride: list[int]) -> int:
    """Return the bytes of the transforms of filters (twice), images and results; 0 where cuDNN takes no FFT."""
    (rows, channels, side, _), (results, _, kernel, _) = images.shape, filters.shape
    transform = next((fft for fft in FFT_SIDES if fft >= side + kernel - 1), None)
    if transform is None or kernel == 1 or set(stride) != {1}:
        return 0
    complex_numbers = transform * (transform // 2 + 1)
    return 8 * complex_numbers * (2 * channels * results + rows * (channels + results))


_IN_BFLOAT16 = {F.conv2d, torch.conv2d, F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__}
_IN_FLOAT32 = {F.group_norm, torch.group_norm, F.layer_norm, torch.layer_norm, F.softmax, torch.softmax, Tensor.softmax}
"""What of our networks torch's autocast runs in either format on a GPU; the rest runs in that of its inputs
(https://docs.pytorch.org/docs/stable/amp.html#cuda-op-specific-behavior)."""


class _Autocast(TorchFunctionMode):
    """Casts as torch's autocast does on a GPU, which leaves tensors of the meta device as they are."""

    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self._enabled = enabled
        self._weights: dict[int, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        wanted = torch.bfloat16 if func in _IN_BFLOAT16 else torch.float32 if func in _IN_FLOAT32 else None
        if self._enabled and wanted is not None:
            args = [self._cast(each, wanted) for each in args]
            kwargs = {name: self._cast(each, wanted) for name, each in (kwargs or {}).items()}
        return func(*args, **(kwargs or {}))

    def _cast(self, value: Any, wanted: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or value.dtype == wanted:
            return value
        if not (value.is_leaf and value.requires_grad):
            return value.to(wanted)
        # Weights are cast once a pass.
        if id(value) not in self._weights:
            self._weights[id(value)] = value.to(wanted)
        return self._weights[id(value)]
