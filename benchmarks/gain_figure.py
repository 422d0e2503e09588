"""What decides LADD's gain: one figure, and its numbers as a table, from what `thousand_epochs.py` kept.

    python benchmarks/gain_figure.py         # results/gain.svg and results/gain.md from results/thousand_epochs.json

A panel is a question of `thousand_epochs_parts.GAIN`, or which rows are trained on which labels; a line is a set. The
height is LADD's accuracy minus that of the set's baseline, with its 95 % interval over trials and test images.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from bench_report import markdown_table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from thousand_epochs_parts import BEST_LR, GAIN, KINDS_OF_LABELS, Part, of_the_gain
from thousand_epochs_tables import answers_of, told

from workers.ladd.evaluation.judgement import Judged, judge
from workers.ladd.evaluation.paired_difference import Pair

RESULTS = Path(__file__).with_name("results")
SETS = {"DC 1 IPC": "DC, 1 image a class", "DM": "DM, 10 images a class"}
COLORS = {"DC 1 IPC": "#D55E00", "DM": "#0072B2"}
WEIGHT = "weight of the views"
LABELS = "rows and labels"
NAMES = {
    "ladd": "image hard,\nviews soft (Eq. 5)",
    "full_soft": "image soft",
    "sub_hard": "views hard",
    "sub_soft": "views soft",
}
HEADER = ["question", "set", "value", "n", "minus baseline", "verdict"]


class Point(NamedTuple):
    """An answer: a value of a question, and how far the arm is from the baseline on a set."""

    question: str
    set: str
    value: str
    trials: tuple[int, int]
    judged: Judged


def points(kept: Mapping[str, Any]) -> Iterator[Point]:
    """Yield what the results hold, question by question and set by set."""
    for set_ in SETS:
        for question, values in GAIN.items():
            baseline, arm = BEST_LR if question == WEIGHT else ("baseline", "ladd")
            for value in values:
                part = of_the_gain(set_, question, value, (arm,))
                yield from _point(kept, question, f"{value:g}", part, arm, baseline)
        for arm in KINDS_OF_LABELS:
            yield from _point(kept, LABELS, NAMES[arm], of_the_gain(set_, WEIGHT, 25, (arm,)), arm, "baseline")


def _point(kept: Mapping[str, Any], question: str, value: str, part: Part, arm: str, baseline: str) -> Iterator[Point]:
    rows = kept["rows"]
    plain = f"{part.set}, {part.architecture}"
    # The learning rate of a baseline is chosen beside that of LADD, and depends on no view.
    others = rows.get(f"{plain}, views sampled:1", {}).get(baseline) or rows.get(plain, {}).get(baseline)
    trials = rows.get(part.name, {}).get(arm)
    if trials and others:
        images = kept["test_images"][part.name]
        judged = judge({arm: Pair(answers_of(trials, images), answers_of(others, images))})[None]
        yield Point(question, part.set, value, (len(trials), len(others)), judged)


def figure(found: list[Point]) -> Figure:
    """Return a panel for each question that has an answer."""
    questions = [question for question in [*GAIN, LABELS] if any(point.question == question for point in found)]
    drawn = Figure(figsize=(3.1 * len(questions), 3.4), layout="constrained")
    panels = drawn.subplots(1, len(questions), sharey=True, squeeze=False)[0]
    for panel, question in zip(panels, questions, strict=True):
        _draw(panel, question, [point for point in found if point.question == question])
    panels[0].set_ylabel("LADD minus baseline, points")
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(SETS), frameon=False)
    return drawn


def _draw(panel: Axes, question: str, found: list[Point]) -> None:
    values = list(dict.fromkeys(point.value for point in found))
    for number, set_ in enumerate(SETS):
        of_set = [point for point in found if point.set == set_]
        heights = [point.judged.found.difference for point in of_set]
        bounds = [point.judged.found.ci95 or (height, height) for point, height in zip(of_set, heights, strict=True)]
        reach = [[height - low for height, (low, _) in zip(heights, bounds, strict=True)]]
        reach += [[high - height for height, (_, high) in zip(heights, bounds, strict=True)]]
        places = [values.index(point.value) + 0.12 * (number - 0.5) for point in of_set]
        line = "none" if question in (LABELS, "labeler's seed") else "-"
        panel.errorbar(places, heights, reach, fmt="o", ls=line, color=COLORS[set_], label=SETS[set_], capsize=2)
    panel.axhline(0, color="#888888", lw=0.8)
    panel.set_xticks(range(len(values)), values, rotation=30 if question == LABELS else 0)
    panel.set_title(question + (", each at its best lr" if question == WEIGHT else ""), fontsize=10)


def main() -> None:
    """Write figure and table, and print the table."""
    matplotlib.use("svg")
    # Equal results give an equal file.
    matplotlib.rcParams["svg.hashsalt"] = "gain"
    found = list(points(json.loads((RESULTS / "thousand_epochs.json").read_text())))
    figure(found).savefig(RESULTS / "gain.svg", metadata={"Date": None})
    rows = [
        [
            point.question,
            SETS[point.set],
            point.value.replace("\n", " "),
            "{}, {}".format(*point.trials),
            *told(point.judged),
        ]
        for point in found
    ]
    text = "\n".join(
        [
            "# What decides LADD's gain",
            "",
            "- CIFAR-10 (JPEG copy), ConvNetD3, 1,000 epochs of recipe `glad` at 0.01, `sampled:1`, `fast`, last "
            "epoch; caveats in [thousand_epochs.md](thousand_epochs.md). One thing differs from the paper's values "
            "(weight 25, epoch 10, N = 5, R = 0.625), or from the labeler's seed 0.",
            "- Differences in points, with the 95 % interval over trials and test images; n: trials of the arm, of the "
            "baseline. `weight of the views`: both arms at the learning rate that suits them "
            "(`ladd_best_lr` minus `baseline_best_lr`).",
            "",
            *markdown_table(HEADER, rows),
        ]
    )
    (RESULTS / "gain.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
