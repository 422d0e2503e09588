"""The tables of `thousand_epochs.py`: accuracies by arm, and differences with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bench_report import markdown_table
from numpy.typing import NDArray

from method.arms import ARMS
from workers.ladd.evaluation.answers import unpack_answers
from workers.ladd.evaluation.judgement import Judged, judge
from workers.ladd.evaluation.paired_difference import Pair
from workers.ladd.evaluation.statistics import summarize

NOTES = [
    "Through the service; recipe `glad` with a learning rate of 0.01, 1,000 epochs, moving average as published, last "
    "epoch. Views and weight of the views' term are in the name of a part where they are not `sampled:2` and Eq. 5's "
    "sum; precision `fast`: bfloat16 where the processor has it.",
    "CIFAR-10 is a JPEG copy (quality 75), on which networks that learned from lossless images lose about 10 points: "
    "the distilled sets are of the lossless one, labeler, random images and test (all 10,000 images) of the copy. DSA "
    "and DM are 8-bit copies. Not comparable with published figures; compare the arms of one line.",
    "ImageNette-128 is fastai's split (9,469 / 3,925 images, squashed, JPEG twice), the DM set of 311 iterations: the "
    "paper's network, resolution and epochs, not its distillation nor its test images. Its start are the random real "
    "images that it was distilled from.",
    "Labelers: the paper's recipe (10 epochs, SGD 0.01, batch 256) on all images of the source's train split. One for "
    "each source set serves all trials: no interval covers the labeler.",
    "A trial is a job with a seed of its own; `random` and `random_ladd` draw other images with every seed, so their "
    "spread covers that choice.",
    "Accuracy in %, mean ± standard deviation (ddof 0) over n trials. Differences have the 95 % interval over trials "
    "and test images (`workers/ladd/evaluation/paired_difference.py`), from three trials a side on. n below "
    "five is fewer trials than the paper has; a difference of two LADDs has the n of both.",
    "Each line is a comparison of its own, adjusted for no other: of 20 differences that are none, about one gets a "
    "verdict by chance.",
]
OWN = "LADD: distilled minus random"


def tables(kept: Mapping[str, Any], order: Sequence[str], controls: Mapping[str, str]) -> str:
    """Return the document of what is there: parts in this order, sets also minus the random images `controls` names."""
    all_trials = [each for arms in kept["rows"].values() for trials in arms.values() for each in trials.values()]
    seconds, flops = (sum(trial[field] for trial in all_trials) for field in ("seconds", "flops"))
    # Earlier versions noted one machine for all.
    machines = sorted({trial.get("measured_on", kept.get("measured_on", "")) for trial in all_trials})
    labelers = [
        f"{source} {accuracy:.1f} % (epoch {epoch})"
        for source, epochs in kept.get("labelers", {}).items()
        for epoch, accuracy in [max((int(epoch), accuracy) for epoch, accuracy in epochs.items())]
    ]
    lines = [
        "# 1,000 epochs on real data",
        "",
        *(f"- {machine}" for machine in machines),
        f"- {len(all_trials)} trials, {flops / 1e15:.2f} PFLOP, {seconds / 3600:.1f} hours of a busy core.",
        *(f"- {note}" for note in NOTES),
        f"- Labelers on the test images: {', '.join(labelers)}.",
        "",
        *markdown_table(["part", "arm", "n", "accuracy", "minus baseline", "verdict"], _lines(kept, order, controls)),
    ]
    return "\n".join(lines) + "\n"


def _lines(kept: Mapping[str, Any], order: Sequence[str], controls: Mapping[str, str]) -> list[list[str]]:
    found = []
    for part in [part for part in order if part in kept["rows"]]:
        arms, images = kept["rows"][part], kept["test_images"][part]
        answers = {arm: answers_of(trials, images) for arm, trials in arms.items()}
        # Parts with other views or weights have the baseline of the set and network.
        plain = kept["rows"].get(", ".join(part.split(", ")[:2]), {}).get("baseline")
        baseline = answers.get("baseline") if plain is None else answers_of(plain, images)
        for arm in [name for name in ARMS if name in arms]:
            spread = summarize([trial["accuracy"] for trial in arms[arm].values()])
            judged = None if arm == "baseline" or baseline is None else judge({arm: Pair(answers[arm], baseline)})[None]
            cells = [f"{len(arms[arm])}", f"{spread.mean:.2f} ± {spread.std:.2f}", *told(judged)]
            found.append([part, f"`{arm}`", *cells])
        set_, _, settings = part.partition(", ")
        control = kept["rows"].get(f"{controls.get(set_)}, {settings}", {}).get("ladd")
        random = answers.get("random_ladd") if control is None else answers_of(control, images)
        if "ladd" in answers and random is not None:
            judged = judge({part: Pair(answers["ladd"], random)})[None]
            found.append([part, OWN, f"{len(answers['ladd'])}, {len(random)}", "", *told(judged)])
    return found


def answers_of(trials: Mapping[str, Any], images: int) -> NDArray[np.bool_]:
    """Return the answers of trials to the test images, bool [n, images]."""
    return np.stack([unpack_answers(trial["correct"], images) for trial in trials.values()])


def told(judged: Judged | None) -> list[str]:
    """Two cells of a table, difference with interval and verdict; empty where nothing is compared."""
    if judged is None:
        return ["", ""]
    difference, interval = f"{judged.found.difference:+.2f}", judged.found.ci95
    bounds = "" if interval is None else f" [{interval[0]:+.2f}, {interval[1]:+.2f}]"
    return [difference + bounds, judged.verdict]
