"""Real trainings on one device, the most telling first, none begun that does not fit in the time that is left.

The sets are files of one folder: `*.npz` with `images` float16 [M, 3, 128, 128], normalised by ImageNet's statistics,
`labels` [M] and `dense_labels` [M, 25, 10], and `test.tar`, images of 128 px in a folder for each class, whose order by
name is that of the labels (ImageNette's `val/<wnid>/*.jpg`).
`gpu_plan.py` has the order and the lines that trainings leave, `gpu_evidence_table.py` the table of the lines.
"""

import hashlib
import math
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from gpu_evidence_table import write_table
from gpu_plan import LINES, NETWORKS, SEEDS, Line, Training, add_line, plan, read_lines
from gpu_session import MIB, Session
from interleaved import TimeIsUp
from PIL import Image
from turns import forget_code, reset_peak

from method.arms import ARMS
from method.normalizations import NORMALIZATIONS
from workers.ladd.deployment.cost import training_counts
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.evaluation.trial import TestSet, evaluate_trial
from workers.ladd.labels.views import ViewGrid
from workers.ladd.recipes import Recipe, resolve_recipe
from workers.runner.versions import hardware, versions

EPOCHS = 1000
CLASSES = 10
TEST = "test.tar"
LEARNING_RATES = {"ConvNetD5": 0.01}
"""0.001 and 0.03 were within two points of it on ImageNette. The other networks have the recipe's own."""

SLACK = 1.1
"""A training may take so many times what was measured: clocks and neighbours differ, and graphs are captured anew."""


class Trainings:
    """All of the plan on the sets of a folder; a smoke run has the first network and seed, two images and epochs.

    `seconds_a_row`: measures a network of which no training has a line yet, None where that fails. `test_digest`: of
    the test images.
    """

    def __init__(self, session: Session, data: Path, seconds_a_row: Callable[[str], float | None]) -> None:
        self._session, self._seconds_a_row = session, seconds_a_row
        self._path = session.out / (f"smoke_{LINES}" if session.smoke else LINES)
        self._device = torch.cuda.get_device_name() if session.device.type == "cuda" else hardware()
        self._sets = {path.stem: self._read_set(path) for path in sorted(data.glob("*.npz"))}
        self._test = self._read_test(data / TEST)
        # Of the file: decoders differ in a bit here and there, and answers are compared image by image.
        self.test_digest = hashlib.sha256((data / TEST).read_bytes()).hexdigest()[:16]
        self._lines = read_lines(self._path)
        if any(line["test"] != self.test_digest for line in self._lines.values()):
            raise ValueError(f"the lines of {self._path} were tested on other images than those of {data / TEST}")

    def run(self) -> None:
        """Train what has no line yet. Raises TimeIsUp at the deadline."""
        for training in plan(list(self._sets), *((NETWORKS[:1], 1) if self._session.smoke else (NETWORKS, SEEDS))):
            if training not in self._lines:
                self._try(training)

    def print_table(self) -> None:
        """Print the table of all lines, and write it beside them; nothing where there are none."""
        if self._lines:
            print(write_table(self._path), flush=True)

    def _try(self, training: Training) -> None:
        try:
            recipe = self._recipe(training)
            expected, left = self._expected(training, recipe), self._session.deadline.left()
            if left is not None and expected > left:
                self._session.say(f"no time for {training}: {expected:,.0f} s")
                return
            line = self._train(training, recipe)
        except TimeIsUp:
            raise
        except Exception as error:
            self._session.fail(f"{training}: {type(error).__name__}: {error}")
            return
        self._lines[training] = line
        add_line(self._path, line)
        self._session.say(f"{training}: {line['accuracy']:.1f} % in {line['seconds']:.0f} s")

    def _expected(self, training: Training, recipe: Recipe) -> float:
        """Seconds, from trainings of the kind on this device, else from others of the network, else from a step.

        Infinite where the network's step fails. Raises TimeIsUp at the deadline.
        """
        images = len(self._sets[training.set].images)
        rows = training_counts(images, ViewGrid().count, ARMS[training.arm], recipe).forwards
        of_network = {
            other: line["seconds"] / line["rows"]
            for other, line in self._lines.items()
            if other.network == training.network and line["device"] == self._device
        }
        alike = [seconds for other, seconds in of_network.items() if other.label == training.label]
        # Of other kinds the fastest counts: steps of few rows leave a GPU idle.
        known = min(alike or of_network.values(), default=None) or self._seconds_a_row(training.network)
        return math.inf if known is None else SLACK * rows * known

    def _train(self, training: Training, recipe: Recipe) -> Line:
        """Train and test a network. Raises TimeIsUp at the deadline, with which the training is lost."""
        forget_code()
        reset_peak(self._session.device)
        found = evaluate_trial(
            self._sets[training.set],
            self._test,
            ARMS[training.arm],
            training.network,
            trial=0,
            recipe=recipe,
            seed=training.seed,
            device=self._session.device,
            num_classes=CLASSES,
            listener=Listener(on_epoch=lambda done, total, loss: self._check()),
        )
        return {
            "set": training.set,
            "network": training.network,
            "arm": training.arm,
            "views": training.views,
            "seed": training.seed,
            "epochs": found.epochs,
            "accuracy": found.trial.accuracy,
            "correct": found.trial.correct,
            "images": len(self._test.labels),
            "test": self.test_digest,
            "last_loss": found.trial.losses[-1],
            "seconds": found.trial.seconds,
            "rows": found.forwards,
            "peak_mib": found.trial.peak_bytes / MIB,
            "recipe": found.recipe,
            "device": self._device,
            "versions": versions(),
        }

    def _check(self) -> None:
        """Raise TimeIsUp at the deadline."""
        self._session.deadline.left()

    def _recipe(self, training: Training) -> Recipe:
        chosen = {"epochs": 2 if self._session.smoke else EPOCHS, "precision": "fast", "lr": LEARNING_RATES}
        return resolve_recipe("glad", training.network, chosen | ({"views": training.views} if training.views else {}))

    def _read_set(self, path: Path) -> TrainingSet:
        rows = slice(2 if self._session.smoke else None)
        with np.load(path) as arrays:
            parts = (torch.from_numpy(arrays[name][rows]) for name in ("images", "labels", "dense_labels"))
            images, labels, dense = parts
        return TrainingSet(images.float(), labels.long(), dense.float(), ViewGrid())

    def _read_test(self, path: Path) -> TestSet:
        images = []
        with tarfile.open(path) as archive:
            members = sorted((each for each in archive if each.isfile()), key=lambda member: member.name)
            members = members[: 8 if self._session.smoke else None]
            for member in members:
                file = archive.extractfile(member)
                assert file is not None
                images.append(np.asarray(Image.open(file).convert("RGB")))
        folders = [PurePosixPath(each.name).parent.name for each in members]
        _, labels = np.unique(folders, return_inverse=True)
        return TestSet(np.stack(images), labels, *NORMALIZATIONS["imagenet"])
