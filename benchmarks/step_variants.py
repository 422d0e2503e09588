"""Which arithmetic suits which network: forward and backward of one micro-batch, in every number format and layout.

    python benchmarks/step_variants.py

The engine's table of `fast` arithmetic is read off this one. Nothing of the engine runs but the network.
"""

from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from bench_options import measure_cells, parse
from bench_report import Report, times
from interleaved import Variant
from torch import Tensor, nn
from trainings import Lap

from workers.ladd.models import build_model

BASE = "fp32"
PLACES = (("ConvNetD5", 128, 4), ("AlexNet", 128, 4), ("VGG11", 128, 4), ("ResNet18", 128, 4), ("ViT", 128, 4))
"""Network, pixels and images at once: the engine's micro-batch."""


@dataclass(frozen=True)
class Mode:
    """How a step is computed: number format, layout, and by what.

    `tf32`: of cuDNN's convolutions, as torch has it by default. `cudnn_benchmark`: whether cuDNN tries its algorithms
    for every shape. `unfolded`: 5x5 convolutions as one matrix product of unfolded patches. `fused`: norm, ReLU and
    pooling by our kernels (`workers.ladd.engine.kernels`).
    """

    dtype: str = "float32"
    tf32: bool = False
    channels_last: bool = False
    compiled: bool = False
    cudnn_benchmark: bool = False
    unfolded: bool = False
    fused: bool = False


MODES = {
    BASE: Mode(),
    "fp32 compiled": Mode(compiled=True),
    "fp32 NHWC compiled": Mode(channels_last=True, compiled=True),
    "bf16": Mode("bfloat16"),
    "bf16 NHWC": Mode("bfloat16", channels_last=True),
    "bf16 compiled": Mode("bfloat16", compiled=True),
    "bf16 NHWC compiled": Mode("bfloat16", channels_last=True, compiled=True),
}
NOTES = [
    "A lap is forward, cross-entropy and backward of so many images; no data, augmentation or optimizer.",
    "bf16: under torch's autocast, weights stay float32. NHWC: torch.channels_last. fp32 is IEEE.",
    "warm-up s: the compiler's share shows here.",
]


def step(lap: Lap, *, architecture: str, size: int, rows: int, mode: dict[str, Any], device: str) -> None:
    """A lap is forward and backward of `rows` images. Leaves torch's settings of the process changed."""
    how = Mode(**mode)
    model = build_model(architecture, num_classes=10, channels=3, size=size, seed=0).to(device).train()
    layout = torch.channels_last if how.channels_last else torch.contiguous_format
    model.to(memory_format=layout)  # type: ignore[call-overload]
    network = torch.compile(_changed(model, how), dynamic=False) if how.compiled else _changed(model, how)
    images = torch.randn(rows, 3, size, size, device=device).contiguous(memory_format=layout)
    labels = torch.arange(rows, device=device) % 10
    backends: Any = torch.backends
    backends.cuda.matmul.fp32_precision = "ieee"
    backends.cudnn.conv.fp32_precision = "tf32" if how.tf32 else "ieee"
    backends.cudnn.benchmark = how.cudnn_benchmark
    while True:
        model.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=how.dtype == "bfloat16"):
            loss = F.cross_entropy(network(images), labels)
        torch.autograd.backward(loss)
        lap()


def _changed(model: nn.Module, how: Mode) -> nn.Module:
    if how.fused:
        # By name: the module is not everywhere, and needs Triton.
        network: nn.Module = import_module("workers.ladd.engine.kernels.fusing").fused(model)
        return network
    if how.unfolded:
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (5, 5):
                module.forward = partial(unfolded_convolution, module)  # type: ignore[method-assign]
    return model


def unfolded_convolution(convolution: nn.Conv2d, images: Tensor) -> Tensor:
    """Return maps [B, C_out, H', W'] of images [B, C_in, H, W] as a convolution without dilation or groups has them."""
    assert not isinstance(convolution.padding, str)
    kernel, stride, padding = convolution.kernel_size, convolution.stride, convolution.padding
    patches = F.unfold(images, kernel, padding=padding, stride=stride)
    maps: Tensor = convolution.weight.flatten(1) @ patches
    if convolution.bias is not None:
        maps = maps + convolution.bias[:, None]
    height = (images.shape[2] + 2 * int(padding[0]) - kernel[0]) // stride[0] + 1
    return maps.reshape(*maps.shape[:2], height, -1)


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    places = (("ConvNetD3", 32, 2),) if options.smoke else PLACES
    modes = {name: mode for name, mode in MODES.items() if not (options.smoke and mode.compiled)}
    header = ["network", "px", "rows", f"{BASE} ms a row", *(name for name in modes if name != BASE), "warm-up s"]
    report = Report("step_variants", "Arithmetic of a step, network by network", NOTES, header, options)
    work = {
        f"{network} {size} px, {rows} rows": {"architecture": network, "size": size, "rows": rows}
        for network, size, rows in places
    }
    cells = [
        (cell, [Variant(mode, "step_variants:step", shape | {"mode": asdict(how)}) for mode, how in modes.items()])
        for cell, shape in work.items()
    ]
    for (name, timings), (network, size, rows) in zip(measure_cells(cells, options, report.cut), places, strict=False):
        report.timings(name, timings)
        base = timings[BASE]
        report.row(
            [
                network,
                f"{size}",
                f"{rows}",
                f"{base.seconds / rows * 1e3:,.3f}",
                *(times(timings[mode].times_faster(base)) for mode in modes if mode != BASE),
                ", ".join(f"{timing.warm_up:.0f}" for timing in timings.values()),
            ]
        )


if __name__ == "__main__":
    main()
