"""The effect of `epoch: auto`, a fitted temperature and an ensemble of two labelers, against the paper's epoch 10.

    python benchmarks/labeler_choice.py cifar10_jpegblob.npz

The set is one of random real CIFAR-10 images (10 a class), the labelers are trained on 75 % of the source images, and
checkpoint and temperature are chosen on views of the other 25 %, without those in the set. Trials are paired: trial t
of every choice starts from the same weights and goes through the same order and augmentation. Each finished trial is
kept in `results/labeler_choice.json`; a second call goes on from there. It also puts the set's classes into another
order and asks the permutation check.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_report import measured_on
from numpy.typing import NDArray
from small_trials import (
    AUGMENTATION,
    MEAN,
    STD,
    first_rows,
    kept_or_made,
    kept_results,
    read_source,
    run_missing,
    run_trial,
)

from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.normalization import training_images
from workers.ladd.evaluation.statistics import summarize
from workers.ladd.evaluation.trial import TestSet
from workers.ladd.labeler.checkpoint_choice import best, draw_held_out_views, judge, view_logits
from workers.ladd.labeler.held_out import split_held_out
from workers.ladd.labeler.network import NetworkSpec, load_network
from workers.ladd.labeler.training import LabelerEpoch, train_labeler
from workers.ladd.labels.class_agreement import compare_classes
from workers.ladd.labels.dense_labels import generate_dense_labels
from workers.ladd.labels.views import ViewGrid
from workers.ladd.sets.stored_set import SourceSet

RESULTS = Path(__file__).with_name("results") / "labeler_choice.json"
PREPARED = Path(__file__).parents[1] / ".cache" / "labeler_choice.pt"
"""The set with the dense labels of every choice, kept for the second call."""
TRAIN_PER_CLASS = 200
KEPT = [2, 4, 6, 8, 10, 15, 20]
LABELER: dict[str, Any] = {"lr": 0.01, "batch_size": 64, "momentum": 0.9}
HELD_OUT = 0.25
PAPER_EPOCH = 10
IMAGES_PER_CLASS = 10
TRIALS = 5
GRID = ViewGrid()
PROTOCOL: dict[str, Any] = {"epochs": 40, "reduction": "mean", "views": "sampled:1"}
"""Overrides of the recipe `mtt`."""
PAPER = "epoch 10"
SWAPPED = [8, 0, 1, 9, 2, 3, 4, 5, 6, 7]
"""Ten classes in an order in which none keeps its place."""


def fewer(source: SourceSet) -> SourceSet:
    """Return the source with its first `TRAIN_PER_CLASS` train images of each class."""
    rows = first_rows(source.train_labels, TRAIN_PER_CLASS)
    return SourceSet(
        source.train_images[rows], source.train_labels[rows], source.val_images, source.val_labels, num_classes=10
    )


def random_set(source: SourceSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of `IMAGES_PER_CLASS` random train images of each class that no labeler trained on, and their labels."""
    _, held_out = split_held_out(source.train_labels, HELD_OUT, seed=0)
    draws = np.random.default_rng(0)
    of_class = [held_out[source.train_labels[held_out] == label] for label in range(10)]
    rows = np.concatenate([draws.permutation(rows)[:IMAGES_PER_CLASS] for rows in of_class])
    return rows, source.train_labels[rows]


def prepare(source: SourceSet) -> dict[str, Any]:
    """Train two labelers, judge their checkpoints, and write the labels of every choice."""
    rows, labels = random_set(source)
    images = training_images(source.train_images[rows], MEAN, STD, None)
    _, held_out = split_held_out(source.train_labels, HELD_OUT, seed=0)
    views = draw_held_out_views(source.train_images, source.train_labels, np.setdiff1d(held_out, rows), GRID, seed=0)
    spec = NetworkSpec("trained", "ConvNetD3", num_classes=10, channels=3, size=32)
    with tempfile.TemporaryDirectory() as folder:
        networks = []
        for seed, epochs in ((0, KEPT[-1]), (1, PAPER_EPOCH)):
            out = Path(folder) / str(seed)
            out.mkdir()
            networks.append(trained(source, seed, epochs, out))
        history, files = networks[0]
        judged = {}
        for epoch in KEPT:
            logits = view_logits(load_network(spec, files[epoch]), views, MEAN, STD, "cpu")
            judged[epoch] = {
                "plain": judge(epoch, logits, views.labels, 1.0),
                "fitted": judge(epoch, logits, views.labels, None),
            }
        auto, fitted = (best([found[how] for found in judged.values()]) for how in ("plain", "fitted"))

        def written(number: int, epoch: int, temperature: float = 1.0) -> NDArray[np.float32]:
            network = load_network(spec, networks[number][1][epoch])
            return generate_dense_labels(network, images, GRID, "cpu", temperature=temperature)

        dense: dict[str, NDArray[np.float32]] = {
            PAPER: written(0, PAPER_EPOCH),
            "epoch auto": written(0, auto.epoch),
            "epoch and temperature auto": written(0, fitted.epoch, fitted.temperature),
            "ensemble of two, epoch 10": (written(0, PAPER_EPOCH) + written(1, PAPER_EPOCH)) / np.float32(2),
        }
    swapped = compare_classes(dense[PAPER], np.argsort(SWAPPED)[labels])
    return {
        "images": images,
        "labels": torch.from_numpy(labels),
        "dense": {name: torch.from_numpy(array) for name, array in dense.items()},
        "held_out": len(views.labels),
        "candidates": [{how: asdict(found) for how, found in by.items()} for by in judged.values()],
        "chosen": {"plain": asdict(auto), "fitted": asdict(fitted)},
        "val_accuracy": {row.epoch: row.val_accuracy for row in history},
        "permutation": {
            "agreement": compare_classes(dense[PAPER], labels).agreement,
            "false_alarm": compare_classes(dense[PAPER], labels).permutation is not None,
            "swapped_agreement": swapped.agreement,
            "found": swapped.permutation == SWAPPED,
            "named": swapped.permutation,
            "permuted_agreement": swapped.permuted_agreement,
        },
    }


def trained(source: SourceSet, seed: int, epochs: int, out: Path) -> tuple[list[LabelerEpoch], dict[int, Path]]:
    """Train one labeler; returns its rows and the files of its kept epochs."""
    keep, _ = split_held_out(source.train_labels, HELD_OUT, seed=0)
    part = SourceSet(
        source.train_images[keep], source.train_labels[keep], source.val_images, source.val_labels, num_classes=10
    )
    rows = train_labeler(
        part,
        architecture="ConvNetD3",
        augmentation=AUGMENTATION,
        epochs=epochs,
        checkpoint_epochs=[epoch for epoch in KEPT if epoch <= epochs],
        seed=seed,
        mean=MEAN,
        std=STD,
        device="cpu",
        out_dir=out,
        **LABELER,
    )
    return rows, {row.epoch: out / row.checkpoint for row in rows if row.checkpoint is not None}


def main() -> None:
    """Run the trials that are not there yet, then print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blob", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no trial after so long")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    deadline = time.monotonic() + asked.seconds
    kept = kept_results(asked.out)
    source = fewer(read_source(asked.blob)[0])
    images = {"train": len(source.train_labels), "test": len(source.val_labels)}
    prepared = kept_or_made(PREPARED, lambda: prepare(source))
    described = {name: prepared[name] for name in ("held_out", "candidates", "chosen", "val_accuracy", "permutation")}
    kept |= {"measured_on": measured_on("cpu"), "images": images, "labeler": LABELER, "protocol": PROTOCOL, **described}
    test = TestSet(source.val_images, source.val_labels, MEAN, STD)

    def accuracy_of(name: str, trial: int) -> float:
        return run(trial, TrainingSet(prepared["images"], prepared["labels"], prepared["dense"][name], GRID), test)

    planned = [(name, trial) for trial in range(TRIALS) for name in prepared["dense"]]
    run_missing(kept, asked.out, planned, deadline, accuracy_of)
    text = table(kept)
    asked.out.with_suffix(".md").write_text(text)
    print(text)


def run(trial: int, training_set: TrainingSet, test: TestSet) -> float:
    """Return the accuracy of one trial in percent."""
    row = run_trial(training_set, test, "ladd", "ConvNetD3", trial, PROTOCOL)
    return row.trial.accuracy


def table(kept: Mapping[str, Any]) -> str:
    """Accuracies of every choice, their paired differences from the paper's, the candidates and the permutation."""
    trials: dict[str, dict[str, float]] = kept["trials"]
    chosen, found = kept["chosen"], kept["permutation"]
    lines = [
        "# Which labeler writes the labels",
        "",
        f"- {kept['measured_on']}",
        f"- {10 * IMAGES_PER_CLASS} random real CIFAR-10 images (JPEG copies), 10 a class, that no labeler trained on; "
        f"labelers ConvNetD3 on 75 % of {kept['images']['train']:,} images; tested on {kept['images']['test']:,}. "
        "Not comparable with the paper's numbers: compare the rows with each other. One set and one pair of labelers: "
        "the intervals count the noise of trials alone.",
        f"- Recipe mtt, {PROTOCOL['epochs'] + 1} passes, {PROTOCOL['views']}, reduction {PROTOCOL['reduction']}, "
        "ConvNetD3; accuracy in % after the last epoch. Criterion: cross-entropy on one view each of "
        f"{kept['held_out']} held-out images.",
        f"- Chosen: epoch {chosen['plain']['epoch']} at temperature 1; with a fitted temperature epoch "
        f"{chosen['fitted']['epoch']} at {chosen['fitted']['temperature']:.2f}.",
        "",
        "| labels of | trials | mean | std | minus epoch 10 | 95 % interval | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_trial in trials.items():
        summary = summarize(list(by_trial.values()))
        row = f"| {name} | {len(by_trial)} | {summary.mean:.2f} | {summary.std:.2f} "
        lines.append(row + difference(by_trial, trials[PAPER]) if name != PAPER else row + "| - | - | |")
    lines += [
        "",
        "| epoch | val accuracy | cross-entropy | fitted temperature | cross-entropy at it |",
        "|---|---|---|---|---|",
    ]
    accuracies = {int(epoch): accuracy for epoch, accuracy in kept["val_accuracy"].items()}
    for candidate in kept["candidates"]:
        plain, fitted = candidate["plain"], candidate["fitted"]
        lines.append(
            f"| {plain['epoch']} | {accuracies[plain['epoch']]:.1f} | {plain['cross_entropy']:.4f} "
            f"| {fitted['temperature']:.2f} | {fitted['cross_entropy']:.4f} |"
        )
    lines += [
        "",
        f"Permutation check: the labeler of epoch 10 agrees with {found['agreement']:.0f} % of the labels "
        f"({'a false alarm' if found['false_alarm'] else 'no alarm'}). With the ten classes in another order it agrees "
        f"with {found['swapped_agreement']:.0f} %, and the check "
        + (
            f"names that order ({found['permuted_agreement']:.0f} %)."
            if found["found"]
            else f"names {found['named']}, which is not that order."
        ),
    ]
    return "\n".join(lines) + "\n"


def difference(trials: Mapping[str, float], paper: Mapping[str, float]) -> str:
    """Return the cells of the paired difference from the paper's choice."""
    shared = sorted(set(trials) & set(paper))
    summary = summarize([trials[trial] - paper[trial] for trial in shared])
    if not summary.ci95:
        return f"| {summary.mean:+.2f} | - | |"
    low, high = summary.ci95
    verdict = "no evidence" if low <= 0 <= high else "better" if low > 0 else "worse"
    return f"| {summary.mean:+.2f} | {low:+.2f} to {high:+.2f} | {verdict} |"


if __name__ == "__main__":
    main()
