"""Section `variants`: one forward and backward of each network, in every arithmetic, layout and by every means.

First the arithmetic peak of the card. The table of `workers/ladd/engine/execution.py` is read off this one, and why
AlexNet takes several times as long in IEEE float32 as in TF32: cuDNN's choice of algorithm, or the format itself.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import machine_peak
from gpu_session import MIB, Cell, Session
from step_variants import NOTES, Mode, step

EAGER = {
    "tf32": Mode(tf32=True),
    "tf32 NHWC": Mode(tf32=True, channels_last=True),
    "ieee": Mode(),
    "bf16": Mode("bfloat16"),
    "bf16 NHWC": Mode("bfloat16", channels_last=True),
    "tf32 benchmark": Mode(tf32=True, cudnn_benchmark=True),
    "ieee benchmark": Mode(cudnn_benchmark=True),
    "bf16 NHWC benchmark": Mode("bfloat16", channels_last=True, cudnn_benchmark=True),
}
FUSED = {
    "bf16 NHWC fused": Mode("bfloat16", channels_last=True, fused=True),
    "tf32 NHWC fused": Mode(tf32=True, channels_last=True, fused=True),
}
COMPILED = {
    "bf16 NHWC compiled": Mode("bfloat16", channels_last=True, compiled=True),
    "tf32 NHWC compiled": Mode(tf32=True, channels_last=True, compiled=True),
}
OF_ALEXNET = {
    "ieee NHWC": Mode(channels_last=True),
    "ieee NHWC benchmark": Mode(channels_last=True, cudnn_benchmark=True),
    "ieee unfolded": Mode(unfolded=True),
}
"""For its 5x5 convolutions in IEEE float32."""

WITH_NORMS = ("ConvNetD5", "VGG11", "ResNet18")
PLACES = (
    ("ConvNetD5", 64),
    ("AlexNet", 10),
    ("ConvNetD5", 10),
    ("VGG11", 64),
    ("ResNet18", 64),
    ("ViT", 64),
    ("AlexNet", 64),
    *((network, 10) for network in ("VGG11", "ResNet18", "ViT")),
    *((network, 300) for network in ("ConvNetD5", "VGG11", "ResNet18", "ViT", "AlexNet")),
)
"""Networks at 128 px and rows: what decides most first."""

HEADER = ["network", "rows", "variant", "ms", "us a row", "times tf32 eager", "MiB", "warm-up s"]
OF_THIS = [
    "tf32: float32 with TF32 convolutions, torch's default; ieee: without. benchmark: torch.backends.cudnn.benchmark. "
    "unfolded: 5x5 convolutions as unfold and matrix product. fused: norm, ReLU and pooling as one kernel each way.",
    "peak: forward convolutions alone, GFLOP/s by shape (images, channels, side).",
]


def run(session: Session) -> None:
    """Measure. Raises TimeIsUp at the deadline."""
    session.begin(HEADER, [*NOTES[:1], *OF_THIS])
    if importlib.util.find_spec("workers.ladd.engine.kernels") is None:
        session.say("without the fused variants: there is no module workers.ladd.engine.kernels")
    _peaks(session)
    places = (("ConvNetD3", 2), ("AlexNet", 1)) if session.smoke else PLACES
    by_name = {f"{network}, {rows} rows": (network, rows) for network, rows in places}
    for name, timings in session.timed(_cells(by_name, session)):
        network, rows = by_name[name]
        base = timings.get("tf32")
        for variant, timing in timings.items():
            session.row(
                [
                    network,
                    f"{rows}",
                    variant,
                    f"{timing.seconds * 1e3:,.2f}",
                    f"{timing.seconds / rows * 1e6:,.1f}",
                    "-" if base is None else f"{timing.times_faster(base)[0]:.2f}x",
                    f"{timing.peak_bytes / MIB:,.0f}",
                    f"{timing.warm_up:.1f}",
                ]
            )


def _peaks(session: Session) -> None:
    """Tell and keep the best GFLOP/s of each arithmetic."""
    shapes = machine_peak.SHAPES[session.device.type][: 1 if session.smoke else None]
    kinds = {"tf32 NCHW": ("fp32", False), "bf16 NCHW": ("bf16", False), "bf16 NHWC": ("bf16", True)}
    cells: list[Cell] = [
        (
            f"peak {shape}",
            {
                kind: partial(
                    machine_peak.convolution,
                    shape=shape,
                    precision=precision,
                    channels_last=channels_last,
                    device=session.device.type,
                )
                for kind, (precision, channels_last) in kinds.items()
            },
        )
        for shape in shapes
    ]
    reached: dict[str, list[float]] = {kind: [] for kind in kinds}
    for (_, timings), shape in zip(session.timed(cells), shapes, strict=True):
        for kind, timing in timings.items():
            reached[kind].append(machine_peak.flops(shape) / timing.seconds / 1e9)
    for kind, rates in reached.items():
        session.say(f"peak {kind}: {', '.join(f'{rate:,.0f}' for rate in rates)} GFLOP/s")
    session.keep("peaks_gflops", reached)


def _cells(by_name: dict[str, tuple[str, int]], session: Session) -> Iterator[Cell]:
    kernels = importlib.util.find_spec("workers.ladd.engine.kernels") is not None
    for name, (network, rows) in by_name.items():
        modes = dict(EAGER)
        if network == "AlexNet":
            modes |= OF_ALEXNET
        # On a CPU the kernels are interpreted, if Triton is there at all.
        if kernels and network in WITH_NORMS and not session.smoke:
            modes |= FUSED
        # Compiling takes its time: for one number of rows each.
        if rows == 64:
            modes |= COMPILED
        size = 32 if session.smoke else 128
        work: dict[str, Any] = {"architecture": network, "size": size, "rows": rows, "device": session.device.type}
        yield name, {variant: partial(step, **work, mode=asdict(mode)) for variant, mode in modes.items()}
