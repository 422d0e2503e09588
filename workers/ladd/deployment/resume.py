"""Where an interrupted deployment training goes on: everything that changes while it runs, in one file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from workers.ladd.engine.resume import read_state, write_state

FILE_NAME = "trial.pt"

BETWEEN_STEPS_SECONDS = 30.0
WITHIN_A_STEP_SECONDS = 45.0
"""Seconds of work after which a training is saved: between two steps, where no gradient has to be kept, or else, where
steps are that long, between two micro-batches. So an interruption costs less than a minute."""


@dataclass(frozen=True)
class TrialPoint:
    """The state of a training before row `row` of step `step` of an epoch, both counted from 0.

    `settings`: everything that decides the training, so that none goes on with another one's state. `losses`: of the
    epochs done, those before this one. `epoch_loss` and `samples`: sums over the steps done of this epoch;
    `step_loss`: over the rows done of this step. `forwards`: rows passed forward before this step. `micro_batch`: what
    memory has allowed so far.
    `gradients`: of the rows done, None at a step's first row. `streams`: states of the generators at the start of the
    epoch; `dropout_begun`, `dropout`: CPU and GPU state of dropout's generators at the start of the step and now.
    `average`, `average_updates`: of the weights, None and 0 without. `seconds`: of work so far.
    """

    settings: dict[str, Any]
    step: int
    row: int
    losses: list[float]
    epoch_loss: float
    step_loss: float
    samples: int
    forwards: int
    micro_batch: int
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    gradients: list[Tensor | None] | None
    average: dict[str, Tensor] | None
    average_updates: int
    streams: dict[str, Tensor]
    dropout_begun: tuple[Tensor, Tensor | None]
    dropout: tuple[Tensor, Tensor | None]
    seconds: float

    def save(self, folder: Path) -> None:
        """Write `trial.pt` in one go: a crash leaves the earlier file whole."""
        write_state(folder / FILE_NAME, vars(self))

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any]) -> "TrialPoint | None":
        """Read the file in `folder`, None if there is none.

        Raises ValueError naming the first setting in which its training is another one.
        """
        path = folder / FILE_NAME
        return cls(**read_state(path, "settings", settings)) if path.exists() else None


class Pace:
    """Tells when it is time to save."""

    def __init__(self) -> None:
        self._saved_at = time.monotonic()

    def is_due(self, within_a_step: bool) -> bool:
        """Tell whether the work since the last save is worth one."""
        limit = WITHIN_A_STEP_SECONDS if within_a_step else BETWEEN_STEPS_SECONDS
        return time.monotonic() - self._saved_at >= limit

    def saved(self) -> None:
        """Begin to count anew."""
        self._saved_at = time.monotonic()
