"""Options of every engine benchmark on a CPU, and the cells it measures until its time is up."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from interleaved import STRETCH_SECONDS, Deadline, TimeIsUp, Timing, Variant, measure

from method.precisions import PRECISIONS

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Options:
    """`rounds`: n of every median. `deadline`: when to stop. `out`: where the tables go. `smoke`: tiny sizes, to see
    that it runs. `precisions`: of our engine. `networks`: those that are asked for, None for all.
    """

    rounds: int
    deadline: Deadline
    out: Path
    smoke: bool
    precisions: tuple[str, ...]
    networks: tuple[str, ...] | None


def parse(description: str | None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, help="stop after so long and say what was left out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes and one round, to see that it runs")
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, help="default: exact and fast; exact alone in a smoke run"
    )
    parser.add_argument("--networks", nargs="+", help="of deployment.py; default: all")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {asked.rounds}")
    return Options(
        rounds=1 if asked.smoke else asked.rounds,
        deadline=Deadline(asked.seconds),
        out=asked.out,
        smoke=asked.smoke,
        precisions=tuple(asked.precisions or (["exact"] if asked.smoke else ["exact", "fast"])),
        networks=asked.networks and tuple(asked.networks),
    )


Cell = tuple[str, list[Variant]]
"""A name, and the variants that are compared with each other."""


def measure_cells(
    cells: Sequence[Cell], options: Options, cut: Callable[[str], None]
) -> Iterator[tuple[str, dict[str, Timing]]]:
    """Yield name and timings by variant of each cell; `cut` is told the cells that there was no time for."""
    stretch = 0.0 if options.smoke else STRETCH_SECONDS
    for place, (name, compared) in enumerate(cells):
        try:
            timings = measure(compared, options.rounds, options.deadline, stretch)
        except TimeIsUp:
            for left_out, _ in cells[place:]:
                cut(left_out)
            return
        yield name, {variant.name: timing for variant, timing in zip(compared, timings, strict=True)}
