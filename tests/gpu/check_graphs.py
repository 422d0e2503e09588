"""Steps captured as CUDA graphs against the same steps run eagerly."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from unittest import SkipTest
from unittest.mock import patch

import torch

from method.precisions import PRECISIONS
from tests.gpu.small_training import Outcome, Work, networks, small, tempered, train
from workers.ladd.deployment.step_graphs import StepGraphs

EPOCHS = 30
"""So many that most families of the augmentation come often enough to be captured."""

LIMITS = {"exact": 1e-3, "published": 1e-3, "fast": 5e-2}
"""Relative difference of the mean loss of the last five epochs. Graphs replay the kernels of the eager step: networks
whose kernels add in no fixed order (VGG11, ResNet18) differ by what that amounts to after so many steps."""


def check_graphs_train_as_eager_steps_do(device: torch.device) -> str:
    """The same losses with and without, in every precision; no training says that it went on without graphs."""
    return _with_and_without([small(network, device, epochs=EPOCHS) for network in networks(device)], device)


def check_graphs_of_tempered_recipes(device: torch.device) -> str:
    """The same of AdamW, mixed rows and batch norm."""
    return _with_and_without([replace(work, epochs=EPOCHS) for work in tempered(device)], device)


def _with_and_without(works: Sequence[Work], device: torch.device) -> str:
    if device.type != "cuda":
        raise SkipTest("CUDA graphs need CUDA; tests/workers/ladd/deployment/test_step_graphs.py has the rest")
    seen = []
    for precision in PRECISIONS:
        for work in (replace(each, precision=precision) for each in works):
            with _graphs(False):
                eager, eager_seconds = _timed(work, device)
            with _graphs(True) as captured:
                graphed, seconds = _timed(work, device)
            ends = [sum(outcome.losses[-5:]) / 5 for outcome in (eager, graphed)]
            apart = abs(ends[1] - ends[0]) / ends[0]
            name = f"{work.architecture} {precision}"
            assert not [line for line in graphed.logs if "CUDA graphs" in line], f"{name}: {graphed.logs}"
            assert len(captured) > 0, f"{name}: nothing was captured"
            assert apart <= LIMITS[precision], f"{name}: losses {apart:.1e} apart after {EPOCHS} epochs"
            seen.append(f"{name} {apart:.0e}, {len(captured)} graphs, {eager_seconds / seconds:.1f}x")
    return "losses apart, graphs, speed with captures: " + "; ".join(seen)


def _timed(work: Work, device: torch.device) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = train(work, device)
    return outcome, time.monotonic() - began


@contextmanager
def _graphs(wanted: bool) -> Iterator[list[str]]:
    """Train without graphs, or note for each that is made its family."""
    captured: list[str] = []
    make: Callable[..., bool] = StepGraphs._make

    def noted(self: StepGraphs, form: tuple[object, ...], step: object) -> bool:
        made = make(self, form, step)
        if made:
            captured.append(str(form[0]))
        return made

    replacement = noted if wanted else lambda self, form, step: False
    with patch.object(StepGraphs, "_make", replacement):
        yield captured
