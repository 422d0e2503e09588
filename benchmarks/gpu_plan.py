"""The real trainings of the section `evidence`: in which order they come, and the lines that they leave in a file.

A line is a JSON object with the fields of `Training` and what `gpu_evidence.py` adds to them. Lines of several runs and
machines add up in one file: a training that has a line there is not done again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from method.arms import BASELINE, LADD

NETWORKS = ("ConvNetD5", "ResNet18", "VGG11", "AlexNet", "ViT")
SAMPLED, FULL = VIEWS = ("sampled:5", "full")
SEEDS = 5
"""Trials of each kind of training, as many as the paper has."""

START = "_start"
"""Ends the name of the random real images that a set was distilled from: what of LADD's gain is the labels' alone."""

LINES = "gpu_evidence.jsonl"

Line = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """`set`: name of the file without its ending. `views`: None for the baseline. `seed`: of the evaluation, whose
    only trial this is.
    """

    set: str
    network: str
    arm: str
    views: str | None
    seed: int

    def __str__(self) -> str:
        return f"{self.set}, {self.network}, {self.label}, seed {self.seed}"

    @property
    def label(self) -> str:
        """Arm and views."""
        return f"{self.arm} {self.views}" if self.views else self.arm


def plan(sets: Sequence[str], networks: Sequence[str] = NETWORKS, seeds: int = SEEDS) -> list[Training]:
    """Return all trainings on these sets, the most telling first.

    Of each seed: the first network with and without the labels on the distilled sets, then on their starts; then the
    other networks on the distilled sets; then all of them with every view in every step.
    """
    starts = [name for name in sets if name.endswith(START)]
    distilled = [name for name in sets if name not in starts]
    return [training for seed in range(seeds) for training in _of_seed(distilled, starts, networks, seed)]


def _of_seed(distilled: Sequence[str], starts: Sequence[str], networks: Sequence[str], seed: int) -> Iterator[Training]:
    main, others = networks[:1], networks[1:]
    for name, network in [*product(distilled, main), *product(starts, main), *product(distilled, others)]:
        yield Training(name, network, BASELINE, None, seed)
        yield Training(name, network, LADD, SAMPLED, seed)
    for network, name in product(networks, distilled):
        yield Training(name, network, LADD, FULL, seed)


def read_lines(path: Path) -> dict[Training, Line]:
    """Return the lines that are there, by training; of two of the same training the later one.

    Raises ValueError for lines that were tested on different images: `test` is their digest.
    """
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if len(tests := {line["test"] for line in lines}) > 1:
        raise ValueError(f"lines of {path} must be tested on the same images; got {', '.join(sorted(tests))}")
    return {Training(**{field.name: line[field.name] for field in fields(Training)}): line for line in lines}


def add_line(path: Path, line: Line) -> None:
    """Write a further line, in one go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
