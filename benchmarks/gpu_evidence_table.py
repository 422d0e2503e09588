"""The table of the section `evidence`, from its lines alone: neither a GPU nor the sets are needed.

    python benchmarks/gpu_evidence_table.py [FILE]

FILE: the lines, `results/gpu_evidence.jsonl` by default; the table is written beside them.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean, median

import numpy as np
from bench_report import markdown_table
from gpu_plan import LINES, NETWORKS, START, Line, Training, plan, read_lines
from numpy.typing import NDArray
from thousand_epochs_tables import told

from method.arms import BASELINE
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.judgement import judge
from workers.ladd.evaluation.paired_difference import Pair
from workers.ladd.evaluation.statistics import summarize

HEADER = ["set", "arm", "network", "n", "accuracy", "seconds", "difference", "verdict"]
NOTES = (
    "Recipe `glad`, precision `fast`, Eq. 5's sum, last epoch; a trial is an evaluation with a seed of its own.",
    "Sets whose names end in `_start` are the random real images that the set was distilled from.",
    "Accuracy in %, mean ± standard deviation (ddof 0) over n trials; of the k-CAE the means of both over the k "
    "networks that have it. Seconds: median of a training with its test, one at a time.",
    "Differences, to the baseline of the set where nothing else is said, have the 95 % interval over trials and test "
    "images (`workers/ladd/evaluation/paired_difference.py`), from three trials a side on. The k-CAE is the primary "
    "comparison; the verdicts on single networks are adjusted for their number (Holm), their intervals are not.",
)

Trials = Mapping[str, list[Line]]
"""By network."""


def table(lines: Mapping[Training, Line]) -> str:
    """Return the document of these lines."""
    machines = Counter(
        f"{line['device']}, {', '.join(f'{name} {it}' for name, it in line['versions'].items())}"
        for line in lines.values()
    )
    sets = sorted({training.set for training in lines})
    tested = sorted({f"{line['images']:,}" for line in lines.values()})
    rates = sorted({f"{training.network} {line['recipe']['lr']:g}" for training, line in lines.items()})
    epochs = sorted({f"{line['epochs']:,}" for line in lines.values()})
    text = [
        "# LADD by real trainings on a GPU",
        "",
        *(f"- {count} trainings on {machine}." for machine, count in machines.items()),
        f"- {len(lines)} of the {len(plan(sets))} planned for these sets; {', '.join(epochs)} epochs, tested on "
        f"{', '.join(tested)} images; learning rates: {', '.join(rates)}.",
        *(f"- {note}" for note in NOTES),
        "",
        *markdown_table(HEADER, list(_rows(lines))),
    ]
    return "\n".join(text) + "\n"


def write_table(path: Path) -> str:
    """Write the table of a file of lines beside it, and return it."""
    text = table(read_lines(path))
    path.with_suffix(".md").write_text(text)
    return text


def _rows(lines: Mapping[Training, Line]) -> Iterator[list[str]]:
    kinds: dict[tuple[str, str], dict[str, list[Line]]] = {}
    for training in sorted(lines, key=lambda each: (each.set, each.arm, each.views or "", each.seed)):
        kind = kinds.setdefault((training.set, training.label), {})
        kind.setdefault(training.network, []).append(lines[training])
    for (name, label), trials in kinds.items():
        yield from _kind(name, label, trials, {} if label == BASELINE else kinds.get((name, BASELINE), {}))
    for (name, label), trials in kinds.items():
        if start := kinds.get((name + START, label)):
            for network, cells in _differences(trials, start).items():
                yield [name, f"{label}, minus its start", network, "", "", "", *cells]


def _kind(name: str, label: str, trials: Trials, baseline: Trials) -> Iterator[list[str]]:
    differences = _differences(trials, baseline)
    spreads = []
    for network in (each for each in NETWORKS if each in trials):
        spread = summarize([line["accuracy"] for line in trials[network]])
        seconds = median(line["seconds"] for line in trials[network])
        about = [f"{len(trials[network])}", f"{spread.mean:.2f} ± {spread.std:.2f}", f"{seconds:,.0f}"]
        yield [name, label, network, *about, *differences.get(network, ["", ""])]
        spreads.append(spread)
    if len(spreads) > 1:
        means, stds = zip(*((spread.mean, spread.std) for spread in spreads), strict=True)
        cae = f"{len(spreads)}-CAE"
        yield [name, label, cae, "", f"{mean(means):.2f} ± {mean(stds):.2f}", "", *differences.get(cae, ["", ""])]


def _differences(trials: Trials, other: Trials) -> dict[str, list[str]]:
    """Cells by network and, of more than one, by k-CAE."""
    pairs = {
        network: Pair(_answers(trials[network]), _answers(other[network]))
        for network in NETWORKS
        if network in trials and network in other
    }
    judged = judge(pairs)
    cae = f"{len(pairs)}-CAE"
    return {name or cae: told(each) for name, each in judged.items() if name or len(pairs) > 1}


def _answers(trials: list[Line]) -> NDArray[np.bool_]:
    """bool [n, images]."""
    return np.stack([unpack_answers(line["correct"], line["images"]) for line in trials])


def main() -> None:
    """Print and write the table."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("results") / LINES
    if not path.exists():
        sys.exit(f"{path} must hold lines of `benchmarks/gpu.sh evidence --data FOLDER`; there is no such file")
    print(write_table(path))


if __name__ == "__main__":
    main()
