"""A small deployment training, in this process or in one of its own.

    python -m tests.gpu.small_training '{"device": "cuda", "works": [{...}], "checkpoints": null, ...}'

A process of its own says one line when it is ready, waits for one on its standard input, and answers with a JSON list
of `Outcome`.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from random_sets import random_labelled_set
from torch import nn

from method.arms import ARMS
from workers.ladd.deployment.listener import Listener
from workers.ladd.deployment.training import train_trial
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe


def networks(device: torch.device) -> tuple[str, ...]:
    """Return the five of the evaluation, at 32 px; on a CPU, where it is about whether a check runs, two."""
    return ("ConvNetD3", "ViT") if device.type == "cpu" else ("ConvNetD3", "AlexNet", "VGG11", "ResNet18", "ViT")


@dataclass(frozen=True)
class Work:
    """A training of the arm "ladd" on random images; `more` are further fields of the recipe."""

    architecture: str
    precision: str = "exact"
    size: int = 32
    images: int = 4
    batch_size: int = 2
    epochs: int = 3
    views: str = "sampled:5"
    seed: int = 0
    recipe: str = "glad"
    more: dict[str, Any] = field(default_factory=dict)


def tempered(device: torch.device) -> list["Work"]:
    """Return trainings by AdamW on mixed rows with a temperature: one with instance norm, one with batch norm."""
    sizes = {"ConvNetD3": 32, "ResNet18BN": 64}
    return [small(network, device, size=size, recipe="rded") for network, size in sizes.items()]


def small(architecture: str, device: torch.device, **changes: Any) -> Work:
    """Return a training of six steps of 12 rows at 32 px; on a CPU of four, two rows each."""
    least = {"images": 2, "batch_size": 1, "views": "sampled:1", "epochs": 2} if device.type == "cpu" else {}
    return Work(architecture, **changes | least)


@dataclass(frozen=True)
class Outcome:
    """`sha256`: of the trained weights; `peak_bytes`: of torch's tensors on CUDA, else 0."""

    losses: list[float]
    sha256: str
    micro_batch: int
    logs: list[str]
    peak_bytes: int

    def difference(self, other: "Outcome") -> list[float]:
        """Return the relative difference of the losses, epoch by epoch."""
        return [abs(own - their) / abs(their) for own, their in zip(self.losses, other.losses, strict=True)]


def train(
    work: Work,
    device: torch.device | str,
    checkpoints: Path | None = None,
    killed_after: int | None = None,
    dropout: bool = True,
    perturbation: float = 0.0,
) -> Outcome:
    """Train.

    killed_after: so many questions for a checkpoint are answered; at the next this process kills itself, so that what
        came after the last one is lost. Of the answers the last is yes.
    dropout: whether ViT drops anything: its stream is another on every kind of device.
    perturbation: relative size of a random change of every weight before the first step.
    """
    device = torch.device(device)
    logs, asked = list[str](), 0

    def wants_checkpoint() -> bool:
        nonlocal asked
        asked += 1
        if killed_after is not None and asked > killed_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return asked == killed_after

    listener = Listener(wants_checkpoint=wants_checkpoint, log=logs.append)
    # With GLaD's average, which so few epochs would have none of.
    changes = {"lr": 1e-3, "ema_beta": 0.995, "reduction": "mean", "precision": work.precision, "views": work.views}
    changes |= {"epochs": work.epochs, "batch_size": work.batch_size, **work.more}
    recipe = resolve_recipe(work.recipe, work.architecture, changes)
    data = random_labelled_set(work.images, work.size)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with _network(dropout, perturbation):
        trained = train_trial(
            data, ARMS["ladd"], work.architecture, recipe, work.seed, device, 10, listener, checkpoints
        )
    weights = torch.cat([value.detach().flatten().float().cpu() for value in trained.model.state_dict().values()])
    digest = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Outcome(trained.losses, digest, trained.micro_batch, logs, peak)


@contextmanager
def _network(dropout: bool, perturbation: float) -> Iterator[None]:
    def perturbed(*arguments: Any, **named: Any) -> nn.Module:
        model = build_model(*arguments, **named)
        noise = torch.Generator().manual_seed(9)
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(1 + perturbation * torch.randn(weights.shape, generator=noise))
        return model

    with ExitStack() as patches:
        if not dropout:
            patches.enter_context(patch("workers.ladd.models.vit.DROPOUT", 0.0))
        if perturbation:
            patches.enter_context(patch("workers.ladd.deployment.training.build_model", perturbed))
        yield


class TrainingProcess:
    """`train` in a process of its own, one work after the other. Leaving the context ends it."""

    def __init__(
        self, works: Sequence[Work], device: torch.device, environment: dict[str, str] | None = None, **more: Any
    ) -> None:
        arguments = json.dumps({"works": [asdict(work) for work in works], "device": str(device), **more})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gpu.small_training", arguments],
            env=os.environ | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "TrainingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_until_ready(self) -> None:
        """Wait until it has imported torch, and taken hold of the device."""
        assert self._line() is not None, "a training's process did not begin"

    def start(self) -> None:
        """Let it train."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def outcomes(self) -> list[Outcome] | None:
        """Wait for its end; None if it was killed by SIGKILL."""
        line = self._line()
        status = self._process.wait()
        assert status in (0, -signal.SIGKILL), f"a training's process ended with status {status}"
        return None if line is None else [Outcome(**outcome) for outcome in json.loads(line)]

    def _line(self) -> str | None:
        assert self._process.stdout is not None
        return self._process.stdout.readline() or None


def main() -> None:
    """Train as the argument says."""
    asked = json.loads(sys.argv[1])
    works, device = [Work(**work) for work in asked.pop("works")], torch.device(asked.pop("device"))
    checkpoints = asked.pop("checkpoints", None)
    # Standard output is for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.ones(1, device=device)
    print(json.dumps("ready"), file=answers, flush=True)
    sys.stdin.readline()
    outcomes = [asdict(train(work, device, checkpoints and Path(checkpoints), **asked)) for work in works]
    print(json.dumps(outcomes), file=answers, flush=True)


if __name__ == "__main__":
    main()
