"""One LADD step, Eq. 5, in time and memory: ours against the loop of 26 forwards and one backward.

    python benchmarks/machine_peak.py && python benchmarks/ladd_step.py

A time is that of an epoch whose whole set is one step.
"""

from bench_options import measure_cells, parse
from bench_report import Report, times
from deployment import PEAK_OF, short
from interleaved import Variant
from machine_peak import read_peaks

from method.architectures import training_flops
from method.layers import Shape

NETWORK, SIZE, IMAGES = "ConvNetD5", 128, 4
NOTES = [
    "literal: benchmarks/reference_loop.py with one forward pass for the images and one for each of the 25 views, then "
    "one backward pass. flat: the same rows as one batch of a DataLoader. Both under the default allocator.",
    "K = 5: an estimator of Eq. 5 that forwards 6 rows of an image in place of 26; `reference, K = 5` does the same.",
    "Peak memory: the most that the process ever held, on a CPU with Python, torch and what compiles in it.",
]


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__)
    peaks = read_peaks(options)
    network, size, images = ("ConvNetD3", 32, 1) if options.smoke else (NETWORK, SIZE, IMAGES)
    work = {"architecture": network, "size": size, "images": images, "arm": "ladd", "views": "full"}
    drawn = work | {"views": "sampled:5"}
    variants = [
        Variant("literal", "trainings:reference", work | {"literal": True}, ours=False),
        Variant("flat", "trainings:reference", work, ours=False),
        Variant("reference, K = 5", "trainings:reference", drawn, ours=False),
    ]
    for precision in options.precisions:
        ours = {"precision": precision, **short(options)}
        variants.append(Variant(precision, "trainings:ours", work | ours))
        variants.append(Variant(f"{precision}, K = 5", "trainings:ours", drawn | ours))
    title = f"One LADD step: {network}, {size} px, {images} images, 25 views each"
    header = ["variant", "s", "against literal", "against flat", "against K = 5", "of peak", "peak MiB", "of literal's"]
    report = Report("ladd_step", title, NOTES, header, options)
    per_row = training_flops(network, Shape(10, 3, size))
    for name, timings in measure_cells([("step", variants)], options, report.cut):
        report.timings(name, timings)
        literal = timings["literal"]
        for variant, timing in timings.items():
            rows = images * (6 if "K = 5" in variant else 26)
            peak = peaks[PEAK_OF.get(variant.partition(",")[0], "fp32")]
            report.row(
                [
                    variant,
                    f"{timing.seconds:.3f}",
                    times(timing.times_faster(literal)),
                    times(timing.times_faster(timings["flat"])),
                    times(timing.times_faster(timings["reference, K = 5"])) if "K = 5" in variant else "",
                    f"{rows * per_row / timing.seconds / peak:.0%}",
                    f"{timing.peak_bytes / 2**20:,.0f}",
                    f"{timing.peak_bytes / literal.peak_bytes:.2f}",
                ]
            )


if __name__ == "__main__":
    main()
