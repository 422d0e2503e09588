"""Instance norm, residual sum, ReLU and 2x2 pooling as one differentiable function of maps [N, C, H, W].

Launches go to the current stream, nothing waits for the device, and all memory comes from torch's allocator: a CUDA
graph can record them after one pass that has compiled them.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from workers.ladd.engine.kernels.triton_code import backward_kernel, forward_kernel, moments_kernel, sums_kernel

Pooling = Literal["none", "mean", "max"]

TILE = 4096
"""Values that a program loads at once: 32 for each of its 128 threads, or four loads of 16 bytes in bfloat16. Compiled
for compute capability 9.0 that takes 60 to 170 registers a thread and spills none, so that three programs or more fit
on a multiprocessor."""

CHANNELS, CHANNELS_OF_SMALL_PLANES = 64, 32
"""Channels of a program: 128 and 64 contiguous bytes a pixel in bfloat16, whole sectors of 32. Small planes have few
values, so they take the smaller number and are more programs."""

THREADS_OF_A_WARP = 32

CHUNK = 256
"""Pixels that a chunk has at least. A plane of fewer than two chunks (up to 22 px) is one program's."""

MOST_CHUNKS = 32
"""Chunks of a plane at most: each program reads the statistics of all of them, which must stay little beside its own
values. At 128 px ten images of 64 channels are 320 programs for an H100's 132 multiprocessors."""


@dataclass(frozen=True)
class Form:
    """The operations after the norm. A residual is added before the ReLU, which it needs, and excludes pooling,
    which needs an even height and width.
    """

    relu: bool = True
    pooling: Pooling = "none"


def norm_relu_pool(
    maps: Tensor,
    scale: Tensor,
    shift: Tensor,
    eps: float,
    form: Form,
    residual: Tensor | None = None,
    cancelled: Tensor | None = None,
) -> Tensor:
    """Return the pooled maps [N, C, H / 2, W / 2], or [N, C, H, W] without pooling, in channels_last and the dtype of
    `maps`.

    `maps`, `residual`: float32 or bfloat16 [N, C, H, W]; `scale`, `shift`: float32 [C]. `cancelled` [C]: a bias that
    the maps should have had and were spared, since the norm takes it away again; its gradient is zero. Raises TypeError
    for another number format, and ValueError for a form that cannot be computed.
    """
    if maps.dtype not in (torch.float32, torch.bfloat16):
        raise TypeError(f"maps must be float32 or bfloat16; got {maps.dtype}")
    if form.pooling != "none" and (residual is not None or maps.shape[2] % 2 or maps.shape[3] % 2):
        raise ValueError("pooling needs an even height and width, and no residual")
    if residual is not None and not form.relu:
        raise ValueError("a residual needs a ReLU: its backward pass reads the sign of the output")
    apply: Any = _NormReluPool.apply
    pooled: Tensor = apply(maps, scale, shift, residual, cancelled, eps, form)
    return pooled


class _NormReluPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        scale: Tensor,
        shift: Tensor,
        residual: Tensor | None,
        cancelled: Tensor | None,
        eps: float,
        form: Form,
    ) -> Tensor:
        maps = maps.contiguous(memory_format=torch.channels_last)
        if residual is not None:
            residual = residual.to(maps.dtype).contiguous(memory_format=torch.channels_last)
        images, channels, height, width = maps.shape
        launch = Launch(maps, form, residual is not None)
        pooled = torch.empty(
            (images, channels, height // launch.side, width // launch.side),
            dtype=maps.dtype,
            device=maps.device,
            memory_format=torch.channels_last,
        )
        mean, rstd = maps.new_empty((2, images, channels), dtype=torch.float32)
        partial = launch.partial(maps)
        if launch.splits > 1:
            launch.run(moments_kernel, maps, partial, height * width, channels)
        launch.run(
            forward_kernel,
            *(maps, maps if residual is None else residual, scale, shift, partial, pooled, mean, rstd),
            *(height * width, width, channels, eps),
            **launch.form,
        )
        ctx.save_for_backward(maps, scale, shift, mean, rstd, pooled if residual is not None else None, cancelled)
        ctx.form = form
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, scale, shift, mean, rstd, output, cancelled = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        _, channels, height, width = maps.shape
        launch = Launch(maps, ctx.form, output is not None)
        of_maps = torch.empty_like(maps)
        of_residual = torch.empty_like(maps) if output is not None else None
        sums = launch.partial(maps)
        # Where there is no residual, its pointers are not followed.
        read, written = (maps, maps) if of_residual is None else (output, of_residual)
        fixed = (scale, shift, mean, rstd, sums)
        sizes = (height * width, width, channels)
        if launch.splits > 1:
            launch.run(sums_kernel, maps, read, gradient, written, *fixed, *sizes, **launch.form)
            if of_residual is not None:
                # Already behind the ReLU: the second pass reads one map in place of two.
                gradient, launch = of_residual, Launch(maps, Form(relu=False), residual=False)
        launch.run(backward_kernel, maps, read, gradient, written, *fixed, of_maps, *sizes, **launch.form)
        of_shift, of_scale = sums.sum(dim=(0, 1))
        of_cancelled = torch.zeros_like(cancelled) if cancelled is not None else None
        return of_maps, of_scale, of_shift, of_residual, of_cancelled, None, None


class Launch:
    """How the kernels are cut into programs for maps [N, C, H, W].

    `form` and `cut` are the constants that kernels are compiled for, `warps` the size of a program.
    """

    def __init__(self, maps: Tensor, form: Form, residual: bool) -> None:
        images, channels, height, width = maps.shape
        plane = height * width
        self.splits = min(MOST_CHUNKS, _power_of_two_up_to(plane // CHUNK))
        self.side = 1 if form.pooling == "none" else 2
        block = min(CHANNELS_OF_SMALL_PLANES if self.splits == 1 else CHANNELS, _power_of_two_from(channels))
        pixels = min(TILE // block, _power_of_two_from(plane))
        self.cut = {"SPLITS": self.splits, "PIXELS": pixels, "CHANNELS": block}
        self.warps = min(max(1, pixels * block // (32 * THREADS_OF_A_WARP)), 4)
        self._programs = images * self.splits * -(-channels // block)
        self.form: dict[str, Any] = {
            "RESIDUAL": residual,
            "RELU": form.relu,
            "SIDE": self.side,
            "MAX": form.pooling == "max",
        }

    def partial(self, maps: Tensor) -> Tensor:
        """Return room for two numbers of every chunk, float32 [N, splits, 2, C]."""
        return maps.new_empty((maps.shape[0], self.splits, 2, maps.shape[1]), dtype=torch.float32)

    def run(self, kernel: Any, maps: Tensor, *arguments: Tensor | float, **form: int) -> None:
        """Start a kernel on the current stream; `form`: for those that are compiled for it."""
        on_its_device: Any = torch.cuda.device_of
        with on_its_device(maps):
            # Multiply and add in one rounding, said aloud: Triton's default changes.
            options = {"num_warps": self.warps, "enable_fp_fusion": True}
            kernel[(self._programs,)](maps, *arguments, **form, **self.cut, **options)


def _power_of_two_from(count: int) -> int:
    """Return the smallest power of two that is not below `count`: tiles have no other sizes."""
    return 1 << (count - 1).bit_length()


def _power_of_two_up_to(count: int) -> int:
    """Return the largest power of two that is not above `count`, 1 for 0."""
    return 1 << max(count.bit_length() - 1, 0)
