"""One table for the service's two plain jobs, labeler and labelling: ours, the field's loop, and the network alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench_options import Options, measure_cells
from bench_report import Report, times
from interleaved import Variant
from machine_peak import read_peaks

VARIANTS = ("reference", "ours", "plain")
HEADER = ["network", "px", "images", "reference ms", "ours ms", "faster", "of plain", "of peak"]
NOTES = [
    "plain: nothing but the network's own passes over a resident micro-batch, in our runner's environment and "
    "arithmetic. of plain: its time over ours.",
    "of peak: FLOPs of convolutions and matrix products, over time and the measured fp32 convolution peak.",
]


@dataclass(frozen=True)
class Work:
    """A piece of work: its network and size, how much it is in words and FLOPs, and the functions' arguments."""

    network: str
    size: int
    amount: str
    flops: float
    arguments: dict[str, Any]


def compare(module: str, title: str, reference: str, works: Sequence[Work], options: Options) -> None:
    """Time `reference`, `ours` and `plain` of a module against each other; `reference` says what its loop is."""
    peak = read_peaks(options)["fp32"]
    report = Report(module, title, [f"reference: {reference}; under the default allocator.", *NOTES], HEADER, options)
    by_name = {f"{work.network} {work.size} px": work for work in works}
    cells = [
        (name, [Variant(which, f"{module}:{which}", work.arguments, which != "reference") for which in VARIANTS])
        for name, work in by_name.items()
    ]
    for name, timings in measure_cells(cells, options, report.cut):
        report.timings(name, timings)
        work, ours = by_name[name], timings["ours"]
        report.row(
            [
                work.network,
                f"{work.size}",
                work.amount,
                f"{timings['reference'].seconds * 1e3:,.1f}",
                f"{ours.seconds * 1e3:,.1f}",
                times(ours.times_faster(timings["reference"])),
                times(ours.times_faster(timings["plain"])),
                f"{work.flops / ours.seconds / peak:.0%}",
            ]
        )
