"""Section `evidence`: how long the paper's evaluation would take here, from measured rows; then real trainings.

The evaluation is 5-CAE of a set of 10 images a class at 128 px: five networks, five trials, 1,000 epochs, arm `ladd`,
in `fast`. With --data a folder that holds `*.npz` files with `images` float16 [M, 3, 128, 128], normalised by
ImageNet's statistics, `labels` [M] and `dense_labels` [M, 25, 10], and one `test.npz` with `images` uint8
[T, 128, 128, 3] and `labels` [T]: ConvNetD5 is trained on each for 1,000 epochs and tested, with and without the dense
labels, until the time is up.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from gpu_session import MIB, Cell, Session
from trainings import ours

from method.architectures import training_flops
from method.arms import ARMS
from method.layers import Shape
from method.normalizations import NORMALIZATIONS
from workers.ladd.deployment.cost import training_counts
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.micro_batch import slices
from workers.ladd.evaluation.trial import TestSet, evaluate_trial
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import resolve_recipe

NETWORKS = ("ConvNetD5", "ResNet18", "VGG11", "AlexNet", "ViT")
VIEWS = ("sampled:5", "full")
CLASSES, IPC, TRIALS = 10, 10, 5
TEST = "test.npz"
LEARNING_RATE = 0.01
"""Of the trainings on real data; 0.001 and 0.03 were within two points of it for ConvNetD5 on ImageNette."""

HEADER = ["network", "views", "rows a second", "ms a step", "MiB", "PFLOP", "hours for 5 trials"]
NOTES = [
    f"A lap is an epoch of {CLASSES * IPC} images, one step, in `fast`. Hours: 1,000 epochs of five trials, one after "
    "the other, from the measured rows; no compiling, no test. PFLOP: of these trainings, 1 MAC = 2.",
]


def run(session: Session) -> None:
    """Measure, predict, then train on real data. Raises TimeIsUp at the deadline."""
    session.begin(HEADER, NOTES, rounds=1)
    networks = ("ConvNetD3",) if session.smoke else NETWORKS
    size, images = (32, 2) if session.smoke else (128, CLASSES * IPC)
    by_name = {f"{network} {views}": (network, views) for views, network in product(VIEWS, networks)}
    hours: dict[str, float] = {}
    for name, timings in session.timed(_cells(by_name, size, images, session)):
        network, views = by_name[name]
        if not timings:
            continue
        recipe = resolve_recipe("glad", network, {"views": views})
        counts = training_counts(images, ViewGrid().count, ARMS["ladd"], recipe)
        rate = counts.forwards / recipe.passes / timings[name].seconds
        hours[name] = TRIALS * counts.forwards / rate / 3600
        flops = TRIALS * counts.forwards * training_flops(network, Shape(CLASSES, 3, size))
        session.row(
            [
                network,
                views,
                f"{rate:,.0f}",
                f"{timings[name].seconds * 1e3:,.1f}",
                f"{timings[name].peak_bytes / MIB:,.0f}",
                f"{flops / 1e15:,.0f}",
                f"{hours[name]:.2f}",
            ]
        )
        known = [hours[f"{each} {views}"] for each in networks if f"{each} {views}" in hours]
        if len(known) == len(networks):
            session.row([f"{len(networks)}-CAE", views, "", "", "", "", f"{sum(known):.2f}"])
            session.keep(f"hours {views}", sum(known))
    if session.data is not None:
        _train_on_real_images(session)


def _cells(by_name: dict[str, tuple[str, str]], size: int, images: int, session: Session) -> Iterator[Cell]:
    # A smoke run's training is so short that nothing is compiled for it.
    epochs: dict[str, Any] = {"epochs": 2} if session.smoke else {}
    for name, (network, views) in by_name.items():
        work: dict[str, Any] = {"architecture": network, "size": size, "images": images, "arm": "ladd", "views": views}
        yield name, {name: partial(ours, **work, precision="fast", device=session.device.type, **epochs)}


def _train_on_real_images(session: Session) -> None:
    assert session.data is not None
    test = _test_set(session)
    trained = []
    for path, arm in product(sorted(session.data.glob("*.npz")), ("baseline", "ladd")):
        if path.name == TEST:
            continue
        with np.load(path) as arrays:
            images, labels, dense = (torch.from_numpy(arrays[name]) for name in ("images", "labels", "dense_labels"))
        data = TrainingSet(images.float(), labels.long(), dense.float(), ViewGrid())
        if session.smoke:
            data = replace(data, **{name: getattr(data, name)[:2] for name in ("images", "labels", "dense_labels")})
        recipe = resolve_recipe(
            "glad",
            "ConvNetD5",
            {"epochs": 2 if session.smoke else 1000, "views": "sampled:5", "precision": "fast", "lr": LEARNING_RATE},
        )
        row = evaluate_trial(
            data,
            test,
            ARMS[arm],
            "ConvNetD5",
            trial=0,
            recipe=recipe,
            seed=0,
            device=session.device,
            num_classes=CLASSES,
            # At the end of an epoch the deadline is asked for, which ends the training there.
            listener=Listener(on_epoch=lambda done, total, loss: _check(session)),
        )
        found = {"set": path.stem, "arm": arm, "accuracy": row.trial.accuracy, "seconds": row.trial.seconds}
        trained.append(found | {"peak_mib": row.trial.peak_bytes / MIB, "rows": row.forwards})
        session.say(f"{path.stem} {arm}: {row.trial.accuracy:.1f} % in {row.trial.seconds:.0f} s")
        session.keep("trained", trained)


def _check(session: Session) -> None:
    """Raise TimeIsUp at the deadline."""
    session.deadline.left()


def _test_set(session: Session) -> TestSet:
    assert session.data is not None
    with np.load(session.data / TEST) as arrays:
        images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    rows = slices(len(images), 8)[0] if session.smoke else slice(None)
    return TestSet(images[rows], labels[rows], *NORMALIZATIONS["imagenet"])
