"""The cost of the shortcuts in accuracy: precision "fast" against "exact", and K sampled views against all 25.

    python benchmarks/shortcuts.py cifar10_jpegblob.npz distgen_res_DC_CIFAR10_ConvNet_1ipc.pt

Trials are paired: trial t of every variant starts from the same weights and goes through the same order and
augmentation. Variants take turns, so that a stop leaves pairs.
Each finished trial is kept in `results/shortcuts.json`; a second call goes on from there. A run on another machine,
whose labeler is another, has a file of its own (`--out results/shortcuts_xeon.json`); `results/shortcuts_pooled.md`
takes the pairs of all such files together.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from small_trials import kept_results, labelled_set, run_missing, run_trial

from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.evaluation.statistics import summarize
from workers.ladd.evaluation.trial import TestSet

RESULTS = Path(__file__).with_name("results") / "shortcuts.json"
PREPARED = Path(__file__).parents[1] / ".cache" / "shortcuts.pt"
"""The set with its dense labels, kept for the second call."""
PROTOCOL: dict[str, Any] = {"epochs": 100, "reduction": "mean"}
"""Overrides of the recipe `mtt`: 101 passes, lr 0.01."""


@dataclass(frozen=True)
class Variant:
    """One way to train; `trials` of it are run."""

    architecture: str
    arm: str
    views: str
    precision: str
    trials: int

    @property
    def name(self) -> str:
        """How the results name it."""
        return f"{self.architecture}, {self.arm}, {self.views}, {self.precision}"


VARIANTS = [
    Variant("ConvNetD3", "ladd", "sampled:5", "exact", 10),
    Variant("ConvNetD3", "ladd", "sampled:5", "fast", 10),
    Variant("ConvNetD3", "baseline", "full", "exact", 10),
    Variant("ConvNetD3", "ladd", "sampled:1", "exact", 10),
    Variant("ConvNetD3", "ladd", "full", "exact", 5),
    Variant("AlexNet", "ladd", "sampled:1", "exact", 25),
    Variant("AlexNet", "ladd", "sampled:1", "fast", 25),
    Variant("VGG11", "ladd", "sampled:1", "exact", 40),
    Variant("VGG11", "ladd", "sampled:1", "fast", 40),
    Variant("ViT", "ladd", "sampled:1", "exact", 10),
    Variant("ViT", "ladd", "sampled:1", "fast", 10),
    Variant("ResNet18", "ladd", "sampled:1", "exact", 10),
    Variant("ResNet18", "ladd", "sampled:1", "fast", 10),
]


def main() -> None:
    """Run the trials that are not there yet, one after the other, then print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blob", type=Path)
    parser.add_argument("distilled", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no trial after so long")
    parser.add_argument("--networks", nargs="+", help="default: all")
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    kept = kept_results(asked.out)
    training_set, test, described = labelled_set(asked.blob, asked.distilled, PREPARED)
    kept |= described | {"protocol": PROTOCOL}
    variants = {
        variant.name: variant
        for variant in VARIANTS
        if asked.networks is None or variant.architecture in asked.networks
    }
    most = max(variant.trials for variant in variants.values())
    planned = [
        (name, trial)
        for trial in range(asked.first, most)
        for name, variant in variants.items()
        if trial < variant.trials
    ]
    deadline = time.monotonic() + asked.seconds
    run_missing(kept, asked.out, planned, deadline, lambda name, trial: run(variants[name], trial, training_set, test))
    text = table(kept)
    asked.out.with_suffix(".md").write_text(text)
    print(text)
    files = sorted(asked.out.parent.glob("shortcuts*.json"))
    pooled = pooled_table([json.loads(file.read_text()) for file in files])
    asked.out.with_name("shortcuts_pooled.md").write_text(pooled)
    print(pooled)


def run(variant: Variant, trial: int, training_set: TrainingSet, test: TestSet) -> float:
    """Return the accuracy of one trial in percent."""
    overrides: Mapping[str, Any] = PROTOCOL | {"views": variant.views, "precision": variant.precision}
    row = run_trial(training_set, test, variant.arm, variant.architecture, trial, overrides)
    return row.trial.accuracy


def table(kept: Mapping[str, Any]) -> str:
    """Accuracies of every variant, and the paired differences with their 95 % intervals."""
    trials: dict[str, dict[str, float]] = {name: found for name, found in kept["trials"].items() if found}
    lines = [
        "# What the shortcuts cost in accuracy",
        "",
        f"- {kept['measured_on']}",
        f"- {kept['distilled']}: CIFAR-10, 1 image per class; labeler ConvNetD3 on {kept['images']['train']:,} train "
        f"images, {kept['labeler']['epochs']} epochs, {kept['labeler']['val_accuracy']:.1f} % on val; tested on "
        f"{kept['images']['test']:,} images. All images are JPEG copies: compare the variants with each other only.",
        f"- Recipe mtt, {kept['protocol']['epochs'] + 1} passes, reduction {kept['protocol']['reduction']}; "
        "accuracy in % after the last epoch.",
        "",
        "| variant | trials | mean | std |",
        "|---|---|---|---|",
    ]
    for name, found in trials.items():
        summary = summarize(list(found.values()))
        lines.append(f"| {name} | {len(found)} | {summary.mean:.2f} | {summary.std:.2f} |")
    lines += ["", *_rows(_differences(trials))]
    return "\n".join(lines) + "\n"


def pooled_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Paired differences over all runs, each within its run; the runs' labelers and machines differ."""
    together: dict[tuple[str, str], list[float]] = {}
    for kept in runs:
        for compared, found in _differences(kept["trials"]).items():
            together.setdefault(compared, []).extend(found)
    lines = ["# What the shortcuts cost in accuracy: the pairs of all runs", ""]
    for kept in runs:
        count = sum(map(len, kept["trials"].values()))
        lines.append(f"- {kept['measured_on']}: {count} trials, labeler {kept['labeler']['val_accuracy']:.1f} % on val")
    return "\n".join([*lines, "", *_rows(together)]) + "\n"


def _differences(trials: Mapping[str, Mapping[str, float]]) -> dict[tuple[str, str], list[float]]:
    return {
        (one, other): [trials[one][trial] - trials[other][trial] for trial in trials[one] if trial in trials[other]]
        for one, other in comparisons([name for name, found in trials.items() if found])
    }


def _rows(differences: Mapping[tuple[str, str], Sequence[float]]) -> list[str]:
    lines = ["| difference | pairs | points | 95 % interval |", "|---|---|---|---|"]
    for (one, other), found in differences.items():
        summary = summarize(found)
        interval = "{:+.2f} to {:+.2f}".format(*summary.ci95) if summary.ci95 else "-"
        lines.append(f"| {one} minus {other} | {len(found)} | {summary.mean:+.2f} | {interval} |")
    return lines


def comparisons(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of variants that differ in precision alone; and, exact and of one network, in views or arm alone."""
    pairs = [(name, name.replace("fast", "exact")) for name in names if name.endswith("fast")]
    views = [
        f"ConvNetD3, {how}, exact" for how in ("baseline, full", "ladd, sampled:1", "ladd, sampled:5", "ladd, full")
    ]
    pairs += [(more, less) for less, more in combinations(views, 2)]
    return [(one, other) for one, other in pairs if one in names and other in names]


if __name__ == "__main__":
    main()
