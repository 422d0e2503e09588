"""The arithmetic peak of this machine: convolutions alone, the best of a few shapes, float32 and bfloat16.

    python benchmarks/machine_peak.py

Every other benchmark divides by it: the floor of a piece of work is its FLOPs over this peak. One thread;
`gpu_variants.py` is for a GPU. Forward 3 x 3 convolutions with as many channels out as in; FLOPs are 2 for each
multiply-accumulate.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from bench_options import Options, measure_cells, parse
from bench_report import Report
from interleaved import Variant

SHAPES = {"cpu": ((4, 128, 64), (4, 128, 32), (4, 512, 16)), "cuda": ((64, 128, 64), (64, 256, 64), (64, 512, 32))}
"""Images, channels, pixels of a side: of the kind that the five networks have."""


def convolution(
    lap: Callable[[], None], *, shape: tuple[int, int, int], precision: str, channels_last: bool, device: str
) -> None:
    """A lap is one convolution."""
    images, channels, side = shape
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layout = torch.channels_last if channels_last else torch.contiguous_format
    pixels = torch.randn(images, channels, side, side, dtype=dtype, device=device).to(memory_format=layout)
    kernel = torch.randn(channels, channels, 3, 3, dtype=dtype, device=device).to(memory_format=layout)
    with torch.inference_mode():
        while True:
            F.conv2d(pixels, kernel, padding=1)
            lap()


def flops(shape: tuple[int, int, int]) -> int:
    """Of one convolution."""
    images, channels, side = shape
    return 2 * 9 * images * channels**2 * side**2


def read_peaks(options: Options) -> dict[str, float]:
    """Return FLOP/s by arithmetic, "fp32" and "bf16", as `main` measured it. Exits if it has not."""
    path = _path(options)
    if not path.exists():
        raise SystemExit(f"{path} is missing: run benchmarks/machine_peak.py with the same --out first")
    peaks: dict[str, float] = json.loads(path.read_text())
    return peaks


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    shapes = SHAPES["cpu"][: 1 if options.smoke else None]
    cells = [
        (
            f"{precision} {'NHWC' if channels_last else 'NCHW'}",
            [
                Variant(
                    f"{shape}",
                    "machine_peak:convolution",
                    {"shape": shape, "precision": precision, "channels_last": channels_last},
                )
                for shape in shapes
            ],
        )
        for precision in ("fp32", "bf16")
        for channels_last in ((False,) if options.smoke else (False, True))
    ]
    notes = ["Forward convolutions alone."]
    report = Report("machine_peak", "Arithmetic peak", notes, ["arithmetic", *map(str, shapes)], options)
    peaks: dict[str, float] = {}
    for name, timings in measure_cells(cells, options, report.cut):
        report.timings(name, timings)
        reached = [flops(shape) / timings[f"{shape}"].seconds for shape in shapes]
        report.row([name, *(f"{rate / 1e9:,.0f} GFLOP/s" for rate in reached)])
        precision = name.split()[0]
        peaks[precision] = max(peaks.get(precision, 0.0), *reached)
        _path(options).write_text(json.dumps(peaks) + "\n")


def _path(options: Options) -> Path:
    return options.out / "peak_cpu.json"


if __name__ == "__main__":
    main()
