"""The fused norm, ReLU and pooling against torch's own, and against what its compiler makes of them: one ConvNet.

    python benchmarks/kernels.py --device cuda

Nothing of the engine runs but the network's forward and backward pass. On a CPU, where the kernels run in Triton's
interpreter, it shows only that it works (`--smoke`).
"""

import os
from dataclasses import asdict
from typing import Any, Literal

import torch
import torch.nn.functional as F
from bench_options import measure_cells, parse
from bench_report import Report, times
from interleaved import Variant
from trainings import Lap

from workers.ladd.engine.execution import Execution
from workers.ladd.models import build_model

BASE = "NCHW"
NETWORK, SIZE = "ConvNetD5", 128
CELLS: tuple[tuple[Literal["bfloat16", "float32"], int], ...] = (
    ("bfloat16", 64),
    ("float32", 64),
    ("bfloat16", 300),
    ("float32", 300),
)
"""Number format and rows, what decides most first. 64 rows are a micro-batch, 300 a step of 50 images and K = 5."""
NOTES = [
    "A lap is forward, cross-entropy and backward of so many images; no data, augmentation or optimizer.",
    "bfloat16: under torch's autocast. float32: as torch comes, on CUDA with TF32 in convolutions.",
    "fused: instance norm, ReLU and average pooling as one kernel each way, two for planes above 22 px.",
    "warm-up s: the compilers' share shows here, for fused also the comparison with float64.",
]


def variants(dtype: Literal["bfloat16", "float32"]) -> dict[str, Execution]:
    """The compared ways, by name."""
    return {
        BASE: Execution(dtype),
        "NHWC": Execution(dtype, "channels_last"),
        "NHWC compiled": Execution(dtype, "channels_last", compiled=True),
        "NHWC fused": Execution(dtype, "channels_last", fused=True),
    }


def step(lap: Lap, *, architecture: str, size: int, rows: int, execution: dict[str, Any], device: str) -> None:
    """A lap is forward and backward of `rows` images."""
    if device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"
    model = build_model(architecture, num_classes=10, channels=3, size=size, seed=0).to(device).train()
    forward = Execution(**execution).forward_of(model, torch.device(device))
    images = torch.randn(rows, 3, size, size, device=device)
    labels = torch.arange(rows, device=device) % 10
    while True:
        model.zero_grad()
        torch.autograd.backward(F.cross_entropy(forward(images), labels))
        lap()


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    network, size = ("ConvNetD3", 8) if options.smoke else (NETWORK, SIZE)
    cells = [(dtype, 1) for dtype, _ in CELLS[:2]] if options.smoke else CELLS
    names = [name for name in variants("float32") if name != BASE and not (options.smoke and "compiled" in name)]
    header = ["number format", "rows", f"{BASE} us a row", *names, "fused us a row", "warm-up s"]
    report = Report("kernels", f"Fused kernels: {network} at {size} px", NOTES, header, options)
    shape = {"architecture": network, "size": size}
    compared = [
        (
            f"{dtype}, {rows} rows",
            [
                Variant(name, "kernels:step", {**shape, "rows": rows, "execution": asdict(variants(dtype)[name])})
                for name in (BASE, *names)
            ],
        )
        for dtype, rows in cells
    ]
    for (cell, timings), (dtype, rows) in zip(measure_cells(compared, options, report.cut), cells, strict=False):
        report.timings(cell, timings)
        base = timings[BASE]
        report.row(
            [
                dtype,
                f"{rows}",
                f"{base.seconds / rows * 1e6:,.1f}",
                *(times(timings[name].times_faster(base)) for name in names),
                f"{timings['NHWC fused'].seconds / rows * 1e6:,.1f}",
                ", ".join(f"{timing.warm_up:.0f}" for timing in timings.values()),
            ]
        )


if __name__ == "__main__":
    main()
