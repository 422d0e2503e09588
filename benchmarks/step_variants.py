"""Which arithmetic suits which network: forward and backward of one micro-batch, in every number format and layout.

    python benchmarks/step_variants.py

The engine's table of `fast` arithmetic is read off this one. Nothing of the engine runs but the network.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from bench_options import measure_cells, parse
from bench_report import Report, times
from interleaved import Variant
from trainings import Lap

from workers.ladd.engine.precision import exact_float32
from workers.ladd.models import build_model

BASE = "fp32"
ROWS = {
    "cpu": (("ConvNetD5", 128, 4), ("AlexNet", 128, 4), ("VGG11", 128, 4), ("ResNet18", 128, 4), ("ViT", 128, 4)),
    "cuda": (
        ("ConvNetD5", 128, 64),
        ("ResNet18", 128, 64),
        ("ViT", 128, 64),
        ("VGG11", 128, 64),
        ("AlexNet", 128, 64),
        ("ConvNetD5", 128, 10),
        ("ViT", 128, 10),
        ("ResNet18", 128, 10),
    ),
}
"""Network, pixels and images at once: the engine's micro-batch, and on CUDA the set of one image per class."""


@dataclass(frozen=True)
class Mode:
    """How a step is computed. `compile`: None, or torch.compile's mode; "reduce-overhead" makes CUDA graphs."""

    dtype: str = "float32"
    tf32: bool = False
    channels_last: bool = False
    compile: str | None = None


MODES = {
    BASE: Mode(),
    "fp32 compiled": Mode(compile="default"),
    "fp32 NHWC compiled": Mode(channels_last=True, compile="default"),
    "bf16": Mode("bfloat16"),
    "bf16 NHWC": Mode("bfloat16", channels_last=True),
    "bf16 compiled": Mode("bfloat16", compile="default"),
    "bf16 NHWC compiled": Mode("bfloat16", channels_last=True, compile="default"),
}
CUDA_MODES = {
    "tf32": Mode(tf32=True),
    "bf16 graphs": Mode("bfloat16", compile="reduce-overhead"),
    "bf16 NHWC graphs": Mode("bfloat16", channels_last=True, compile="reduce-overhead"),
}
NOTES = [
    "A lap is forward, cross-entropy and backward of so many images; no data, augmentation or optimizer.",
    "bf16: under torch's autocast, weights stay float32. NHWC: torch.channels_last. graphs: torch.compile's mode "
    "reduce-overhead. fp32 is IEEE, tf32 for convolutions and matrix products.",
    "warm-up s: the compiler's share shows here.",
]


def step(lap: Lap, *, architecture: str, size: int, rows: int, mode: dict[str, Any], device: str) -> None:
    """A lap is forward and backward of `rows` images."""
    how = Mode(**mode)
    model = build_model(architecture, num_classes=10, channels=3, size=size, seed=0).to(device).train()
    layout = torch.channels_last if how.channels_last else torch.contiguous_format
    model.to(memory_format=layout)  # type: ignore[call-overload]
    network = torch.compile(model, dynamic=False, mode=how.compile) if how.compile else model
    images = torch.randn(rows, 3, size, size, device=device).contiguous(memory_format=layout)
    labels = torch.arange(rows, device=device) % 10
    with exact_float32():
        if how.tf32:
            torch.backends.cuda.matmul.fp32_precision = "tf32"
            torch.backends.cudnn.conv.fp32_precision = "tf32"  # type: ignore[attr-defined]
        while True:
            model.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=how.dtype == "bfloat16"):
                loss = F.cross_entropy(network(images), labels)
            torch.autograd.backward(loss)
            lap()


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    modes = MODES | (CUDA_MODES if options.device == "cuda" else {})
    places = (("ConvNetD3", 32, 2),) if options.smoke else ROWS[options.device]
    if options.smoke:
        modes = {name: mode for name, mode in modes.items() if mode.compile is None}
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
