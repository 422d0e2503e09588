"""Section `engine`: a training's epoch in our engine against the field's loop under torch's defaults, on the same rows.

An epoch is one optimizer step here. Ours is measured in the default precision and in `fast`.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from deployment import NETWORKS
from gpu_session import MIB, Cell, Session
from interleaved import Timing
from trainings import ours, reference

from method.precisions import FAST, PUBLISHED

KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "baseline": ({"arm": "baseline", "views": "full"}, 1),
    "Eq. 5": ({"arm": "ladd", "views": "full"}, 26),
    "sampled:5": ({"arm": "ladd", "views": "sampled:5"}, 6),
}
"""{work: (arm and views, rows of an image in a step)}."""

PRECISIONS = (PUBLISHED, FAST)
NOTES = [
    "reference: benchmarks/reference_loop.py under torch's defaults (TF32 convolutions); the same arm, network, rows "
    "of a step and steps. MiB: peak of torch's tensors, of each alone. warm-up s: two steps, with compiling and "
    "capturing.",
    "sampled:5 is an estimator of Eq. 5 (the same expected gradient, more noise): its ratio is against a reference "
    "that forwards the same rows; `against Eq. 5` is against the reference with all 26.",
    "sum: the same step with each of the five networks.",
]
HEADER = [
    "network",
    "px",
    "work",
    "rows",
    "reference ms",
    *(f"{precision} ms" for precision in PRECISIONS),
    *PRECISIONS,
    *(f"{precision} against Eq. 5" for precision in PRECISIONS),
    "MiB",
    "warm-up s",
]

Place = tuple[str, int, int, tuple[str, ...]]
"""Network, size in pixels, images, and the kinds of work that share a cell."""


def places(smoke: bool) -> Iterator[Place]:
    """Yield them, what decides most first."""
    if smoke:
        yield "ConvNetD3", 32, 1, ("Eq. 5", "sampled:5")
        yield "ConvNetD3", 32, 2, ("baseline",)
        return
    yield "ConvNetD5", 128, 10, ("Eq. 5", "sampled:5")
    for size in (128, 32):
        for images in (10, 100):
            for network in NETWORKS[size]:
                yield network, size, images, ("baseline",)
        for network in NETWORKS[size]:
            if network != "ConvNetD5":
                yield network, size, 10, ("Eq. 5", "sampled:5")


def run(session: Session) -> None:
    """Measure. Raises TimeIsUp at the deadline."""
    session.begin(HEADER, NOTES)
    by_name = {_name(place): place for place in places(session.smoke)}
    sums: dict[tuple[int, int, str], list[dict[str, Timing]]] = {}
    for name, timings in session.timed(_cell(place, session) for place in by_name.values()):
        network, size, images, kinds = by_name[name]
        for kind in kinds:
            of_kind = {variant: timings.get(f"{kind} {variant}") for variant in ("reference", *PRECISIONS)}
            session.row(_row(network, size, kind, images, of_kind, timings.get("Eq. 5 reference")))
            if all(of_kind.values()):
                whole = sums.setdefault((size, images, kind), [])
                whole.append({variant: timing for variant, timing in of_kind.items() if timing is not None})
                if len(whole) == len(NETWORKS[size]):
                    session.row(_row("sum", size, kind, images, _sum(whole), None))


def _name(place: Place) -> str:
    network, size, images, kinds = place
    return f"{network} {size} px, {images} images, {', '.join(kinds)}"


def _cell(place: Place, session: Session) -> Cell:
    network, size, images, kinds = place
    # A smoke run's trainings are so short that nothing is compiled for them.
    epochs: dict[str, Any] = {"epochs": 2} if session.smoke else {}
    variants = {}
    for kind in kinds:
        work: dict[str, Any] = {"architecture": network, "size": size, "images": images, **KINDS[kind][0]}
        work["device"] = session.device.type
        variants[f"{kind} reference"] = partial(reference, **work)
        for precision in PRECISIONS:
            variants[f"{kind} {precision}"] = partial(ours, **work, precision=precision, **epochs)
    return _name(place), variants


def _row(
    network: str, size: int, kind: str, images: int, timings: Mapping[str, Timing | None], all_views: Timing | None
) -> list[str]:
    """A row; a variant that failed has none of its numbers."""
    of_reference, own = timings["reference"], [timings[precision] for precision in PRECISIONS]
    there = [timing for timing in (of_reference, *own) if timing is not None]
    return [
        network,
        f"{size}",
        kind,
        f"{images * KINDS[kind][1]}",
        *("-" if timing is None else f"{timing.seconds * 1e3:,.2f}" for timing in (of_reference, *own)),
        *(_times(timing, of_reference) for timing in own),
        *(_times(timing, all_views if kind == "sampled:5" else None) for timing in own),
        " / ".join(f"{timing.peak_bytes / MIB:,.0f}" for timing in there),
        " / ".join(f"{timing.warm_up:.1f}" for timing in there),
    ]


def _times(own: Timing | None, other: Timing | None) -> str:
    return "-" if own is None or other is None else f"{own.times_faster(other)[0]:.2f}x"


def _sum(whole: list[dict[str, Timing]]) -> dict[str, Timing | None]:
    """The networks together: the sums of each round, so that a ratio stays within a round."""
    return {
        variant: Timing(
            [sum(rounds) for rounds in zip(*(timings[variant].rounds for timings in whole), strict=True)],
            sum(timings[variant].warm_up for timings in whole),
            max(timings[variant].peak_bytes for timings in whole),
        )
        for variant in whole[0]
    }
