"""Deployment training: our engine against the field's loop, network by network, arm by arm.

    python benchmarks/machine_peak.py && python benchmarks/deployment.py

A time is that of a whole epoch. The reference of an arm forwards the same rows in one batch; the arm with K = 5 drawn
views is an estimator of Eq. 5, so it is shown against a reference with the same K = 5 and against one with all views.
"""

from itertools import product

from bench_options import Cell, Options, measure_cells, parse
from bench_report import Report, times
from interleaved import Timing, Variant
from machine_peak import read_peaks

from method.architectures import training_flops
from method.layers import Shape

NETWORKS = {
    32: ("ConvNetD3", "AlexNet", "VGG11", "ResNet18", "ViT"),
    128: ("ConvNetD5", "AlexNet", "VGG11", "ResNet18", "ViT"),
}
IMAGES = {
    32: {"baseline": 32, "ladd": 4},
    128: {"baseline": 32, "ladd": 1},
}
"""Images of a set by size in pixels and arm. Few, for the time the table takes: it flatters the reference,
whose allocator costs more the larger the batch."""

ARMS = {"baseline": ("baseline", "full", 1), "Eq. 5": ("ladd", "full", 26), "K = 5": ("ladd", "sampled:5", 6)}
"""Arm, views and rows of an image in a step."""

PEAK_OF = {"exact": "fp32", "fast": "bf16"}
NOTES = [
    "reference: benchmarks/reference_loop.py under the default allocator; ours: the engine under our runner's "
    "environment. The same arm, network, rows of a step and steps.",
    "K = 5 is an estimator of Eq. 5 (same expected gradient, more noise). Its speed-up is against a reference that "
    "forwards the same K = 5 rows; the last column is against the reference with all 26.",
    "of peak: FLOPs of convolutions and matrix products, over time and the measured convolution peak "
    "(exact: fp32, fast: bf16).",
    "sum: the same step with each of the five networks.",
]


def cell(network: str, size: int, images: dict[str, int], arms: tuple[str, ...], options: Options) -> Cell:
    """The variants of a network at a size; arms that are compared with each other share a cell."""
    variants = []
    for label in arms:
        arm, views, _ = ARMS[label]
        work = {"architecture": network, "size": size, "images": images[arm], "arm": arm, "views": views}
        variants.append(Variant(f"{label} reference", "trainings:reference", work, ours=False))
        variants += [
            Variant(f"{label} {precision}", "trainings:ours", work | {"precision": precision} | short(options))
            for precision in options.precisions
        ]
    return f"{network} {size} px, {', '.join(arms)}", variants


def short(options: Options) -> dict[str, int]:
    """Arguments of our engine in a smoke run: a training for which it compiles nothing."""
    return {"epochs": 2} if options.smoke else {}


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    peaks = read_peaks(options)
    sizes = {32: {"baseline": 2, "ladd": 1}} if options.smoke else IMAGES
    places = {
        name: (network, size, arms, variants)
        for size, arms in product(sizes, (("baseline",), ("Eq. 5", "K = 5")))
        for network in NETWORKS[size][: 1 if options.smoke else None]
        if options.networks is None or network in options.networks
        for name, variants in [cell(network, size, sizes[size], arms, options)]
    }
    report = Report("deployment", "Deployment training", NOTES, header(options), options)
    sums: dict[tuple[int, str], list[dict[str, Timing]]] = {}
    cells = [(name, variants) for name, (_, _, _, variants) in places.items()]
    for name, timings in measure_cells(cells, options, report.cut):
        network, size, arms, _ = places[name]
        report.timings(name, timings)
        for label in arms:
            rows = sizes[size][ARMS[label][0]] * ARMS[label][2]
            work = rows * training_flops(network, Shape(10, 3, size))
            report.row(line(network, size, label, rows, work, timings, peaks, options))
            whole = sums.setdefault((size, label), [])
            whole.append(timings)
            if len(whole) == len(NETWORKS[size]):
                report.row(sum_line(size, label, rows, whole, options))


def header(options: Options) -> list[str]:
    """Names of the columns."""
    columns = ["network", "px", "arm", "rows", "reference ms"]
    columns += [f"{precision}" for precision in options.precisions]
    columns += [f"of peak, {precision}" for precision in options.precisions]
    columns += ["peak MiB reference", *(f"{precision} MiB" for precision in options.precisions)]
    return [*columns, *(f"{precision} against all 26 views" for precision in options.precisions)]


def line(
    network: str,
    size: int,
    label: str,
    rows: int,
    work: float,
    timings: dict[str, Timing],
    peaks: dict[str, float],
    options: Options,
) -> list[str]:
    """One row of the table; `work` in FLOPs of a step."""
    reference = timings[f"{label} reference"]
    ours = {precision: timings[f"{label} {precision}"] for precision in options.precisions}
    shares = [f"{work / timing.seconds / peaks[PEAK_OF[name]]:.0%}" for name, timing in ours.items()]
    against = [""] * len(ours)
    if label == "K = 5":
        against = [times(timing.times_faster(timings["Eq. 5 reference"])) for timing in ours.values()]
    return [
        network,
        f"{size}",
        label,
        f"{rows}",
        f"{reference.seconds * 1e3:,.1f}",
        *(times(timing.times_faster(reference)) for timing in ours.values()),
        *shares,
        *(f"{timing.peak_bytes / 2**20:,.0f}" for timing in (reference, *ours.values())),
        *against,
    ]


def sum_line(size: int, label: str, rows: int, whole: list[dict[str, Timing]], options: Options) -> list[str]:
    """The five networks together: sums of each round, then the ratio as for one network."""

    def total(name: str) -> Timing:
        parts = [timings[name] for timings in whole]
        return Timing([sum(rounds) for rounds in zip(*(part.rounds for part in parts), strict=True)], 0.0, 0)

    reference = total(f"{label} reference")
    ours = [times(total(f"{label} {precision}").times_faster(reference)) for precision in options.precisions]
    empty = [""] * len(ours)
    against = empty
    if label == "K = 5":
        all_views = total("Eq. 5 reference")
        against = [times(total(f"{label} {precision}").times_faster(all_views)) for precision in options.precisions]
    return ["sum", f"{size}", label, f"{rows}", f"{reference.seconds * 1e3:,.1f}", *ours, *empty, "", *empty, *against]


if __name__ == "__main__":
    main()
