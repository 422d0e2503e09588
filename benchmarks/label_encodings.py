"""The cost of each encoding of dense labels: bytes and distance to float32, and accuracy on real data.

    python benchmarks/label_encodings.py cifar10_jpegblob.npz distgen_res_DC_CIFAR10_ConvNet_1ipc.pt

Bytes: a made-up set of 1,000 classes at three sharpnesses of labels, and the CIFAR-10 set. Accuracy: trial t of every
encoding starts from the same weights and goes through the same order, views and augmentation, so differences are
paired. Each finished trial is kept in `results/encodings.json`; a second call goes on from there.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from small_trials import MEAN, STD, kept_results, labelled_set, run_missing, run_trial

from workers.ladd.archive.encoding_costs import encoding_costs
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.normalization import to_pixels
from workers.ladd.evaluation.statistics import summarize
from workers.ladd.evaluation.trial import TestSet
from workers.ladd.labels.encodings import encoding_of

RESULTS = Path(__file__).with_name("results") / "encodings.json"
PREPARED = Path(__file__).parents[1] / ".cache" / "encodings.pt"
"""The set with its dense labels, kept for the second call."""
PROTOCOL: dict[str, Any] = {"epochs": 30, "reduction": "mean", "views": "sampled:1"}
"""Overrides of the recipe `mtt`: 31 passes."""
TRAINED = ["float32", "uint8", "uint4", "topk:5", "float16"]
SMALL = ["float32", "float16", "uint8", "uint4", "topk:5", "topk:3", "topk:2"]
"""Compared on CIFAR-10; the last two are above the limit, so nobody trains on them."""
CLASSES, SIZE, IMAGES, VIEWS = 1000, 256, 100, 25
SHARPNESS = {"soft": 2.0, "sharp": 5.0}
"""Standard deviations of the made-up logits."""
LARGE = ["float32", "float16", "uint8", "uint4", "topk:100", "topk:50", "topk:10"]


def main() -> None:
    """Count bytes, run the trials that are not there yet, then print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blob", type=Path)
    parser.add_argument("distilled", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no trial after so long")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    deadline = time.monotonic() + asked.seconds
    kept = kept_results(asked.out)
    training_set, test, described = labelled_set(asked.blob, asked.distilled, PREPARED)
    kept |= described | {"protocol": PROTOCOL}
    costs = encoding_costs(to_pixels(training_set.images, MEAN, STD).numpy(), dense(training_set), SMALL)
    kept["cifar10"] = [cost.model_dump() for cost in costs]
    kept.setdefault("large", large_sets())
    # All encodings advance together, so that stopping early leaves pairs.
    planned = [(name, trial) for trial in range(asked.trials) for name in TRAINED]
    run_missing(kept, asked.out, planned, deadline, lambda name, trial: run(name, trial, training_set, test))
    text = tables(kept)
    asked.out.with_suffix(".md").write_text(text)
    print(text)


def dense(training_set: TrainingSet) -> NDArray[np.float32]:
    """The dense labels as an array."""
    assert training_set.dense_labels is not None
    labels: NDArray[np.float32] = training_set.dense_labels.numpy()
    return labels


def large_sets() -> dict[str, Any]:
    """Compare encodings for 1,000 made-up images, blurred noise, with labels softmax(s * normal)."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (IMAGES, SIZE // 4, SIZE // 4, 3), dtype=np.uint8)
    pixels = np.stack(
        [np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for image in coarse]
    )
    found = {}
    for sharpness, deviation in SHARPNESS.items():
        logits = generator.standard_normal((IMAGES, VIEWS, CLASSES), dtype=np.float32) * np.float32(deviation)
        labels = torch.from_numpy(logits).softmax(2)
        entropy = -(labels * labels.log()).sum(2).mean()
        shown = [cost.model_dump() for cost in encoding_costs(pixels, labels.numpy(), LARGE)]
        found[sharpness] = {"entropy": float(entropy), "largest": float(labels.amax(2).mean()), "costs": shown}
    return found


def run(encoding: str, trial: int, training_set: TrainingSet, test: TestSet) -> float:
    """Return the accuracy in percent of one trial with labels that went through the encoding."""
    codec = encoding_of(encoding)
    labels = dense(training_set)
    decoded = torch.from_numpy(codec.decode(codec.encode(labels), labels.shape[2]))
    coded = replace(training_set, dense_labels=decoded)
    row = run_trial(coded, test, "ladd", "ConvNetD3", trial, PROTOCOL)
    return row.trial.accuracy


def tables(kept: Mapping[str, Any]) -> str:
    """Bytes and distance of every encoding; accuracies and their paired differences to float32."""
    lines = [
        "# What the encodings of dense labels cost",
        "",
        f"- {kept['measured_on']}",
        "- `bytes`: the zipped labels; overheads: these bytes over those of the images alone, as raw uint8 arrays,",
        "  zipped, and as JPEG files of quality 75. KL in nats and total variation: means over the views, to float32.",
        "",
        f"## {CLASSES:,} classes: {IMAGES:,} made-up images of {SIZE} px (blurred noise), {VIEWS} views",
        "Labels are softmax(s * normal): real labelers differ, so distances are an order of size.",
    ]
    for sharpness, found in kept["large"].items():
        lines += [
            "",
            f"{sharpness.capitalize()} labels (s = {SHARPNESS[sharpness]:g}): mean entropy {found['entropy']:.2f} "
            f"nats, mean largest probability {found['largest']:.2f}.",
            "",
            *cost_rows(found["costs"]),
        ]
    lines += [
        "",
        f"## CIFAR-10: {kept['distilled']}",
        f"1 image per class; labeler ConvNetD3 on {kept['images']['train']:,} train images, "
        f"{kept['labeler']['epochs']} epochs, {kept['labeler']['val_accuracy']:.1f} % on val.",
        "",
        *cost_rows(kept["cifar10"]),
        "",
        "## Accuracy on CIFAR-10 after training on the decoded labels",
        f"ConvNetD3, arm ladd, recipe mtt, {kept['protocol']['epochs'] + 1} passes, views "
        f"{kept['protocol']['views']}, reduction {kept['protocol']['reduction']}; in % after the last epoch on "
        f"{kept['images']['test']:,} test images.",
        "All images are JPEG copies: compare the encodings with each other only. Trials are paired.",
        "",
        "| encoding | trials | mean | std | minus float32 | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    exact = kept["trials"]["float32"]
    for name, trials in kept["trials"].items():
        summary = summarize(list(trials.values()))
        differences = summarize([trials[trial] - exact[trial] for trial in trials if trial in exact])
        interval = "{:+.2f} to {:+.2f}".format(*differences.ci95) if differences.ci95 else "-"
        difference = "- | -" if name == "float32" else f"{differences.mean:+.2f} | {interval}"
        lines.append(f"| {name} | {len(trials)} | {summary.mean:.2f} | {summary.std:.2f} | {difference} |")
    return "\n".join(lines) + "\n"


def cost_rows(costs: list[dict[str, Any]]) -> list[str]:
    """A table of encodings."""
    rows = [
        "| encoding | bytes | on raw | on zipped | on JPEG | KL | total variation |",
        "|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        overheads = " | ".join(f"{cost[f'overhead_{form}']:+.1%}" for form in ("raw", "zipped", "jpeg"))
        rows.append(
            f"| {cost['encoding']} | {cost['bytes']:,} | {overheads} | {cost['kl']:.2g} "
            f"| {cost['total_variation']:.2g} |"
        )
    return rows


if __name__ == "__main__":
    main()
