"""Deployment: train a fresh network on a label-augmented set, Eq. 5 of the LADD paper (WACV 2025, section 3.3).

    loss = CE(h(x), y) + sum over views j of CE(h(S_j x), y^d_j)

No DataLoader: images and labels lie on the device, views are cut as they are needed, the gradient of a step is
accumulated over micro-batches. The host never waits for a GPU within an epoch: what an epoch draws goes over in one
block, and losses are fetched a few times a second.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from method.arms import Arm
from method.seed_rules import UNNAMED
from workers.ladd.deployment.cost import TrialCost, predict_cost
from workers.ladd.deployment.ema import MovingAverage
from workers.ladd.deployment.listener import SILENT, Listener
from workers.ladd.deployment.optimizer import make_optimizer, memory_of
from workers.ladd.deployment.schedule import forgets_momentum, learning_rate
from workers.ladd.deployment.step import Step, StepGradient, Streams, on_device, plan_epoch
from workers.ladd.deployment.step_graphs import Capture, StepGraphs, cuda_graphs
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.determinism import repeatable
from workers.ladd.engine.execution import EAGER, Execution
from workers.ladd.engine.micro_batch import micro_batch_size
from workers.ladd.engine.resume import read_state, write_state
from workers.ladd.engine.seeds import DropoutState, derive_seed, seeded_dropout
from workers.ladd.models import build_model
from workers.ladd.recipes.recipe import Recipe

CHECKPOINT_FILE = "trial.pt"

BETWEEN_STEPS_SECONDS = 30.0
WITHIN_A_STEP_SECONDS = 45.0
"""Seconds of work after which a training is saved: between two steps, where no gradient has to be kept, or else, where
steps are that long, between two micro-batches. So an interruption costs less than a minute."""

LATER_SETTINGS = {
    "deterministic": False,
    "seed_rule": UNNAMED,
    "optimizer": "sgd",
    "temperature": None,
    "mix": "none",
}
"""Settings of a recipe that there were none of once, and what they were: a training that was saved then goes on."""

LOSSES_EVERY_SECONDS = 0.25
"""Seconds of work on a GPU between two looks at the losses of its epochs, for which the host has to wait. On a CPU they
are known after each epoch."""


class Trained(NamedTuple):
    """`model`: the network to test, `losses`: the mean loss of each epoch, `execution` and `micro_batch`: as the last
    step was computed, `seconds`: of work, over all interruptions.
    """

    model: nn.Module
    losses: list[float]
    execution: Execution
    micro_batch: int
    seconds: float


def train_trial(
    training_set: TrainingSet,
    arm: Arm,
    architecture: str,
    recipe: Recipe,
    seed: int,
    device: torch.device | str,
    num_classes: int,
    listener: Listener = SILENT,
    checkpoints: Path | None = None,
    cost: TrialCost | None = None,
) -> Trained:
    """Train one network from scratch, in the arithmetic that the recipe's precision allows it.

    The network to test is the averaged one where the recipe has it. Initial weights, order, drawn views, augmentation
    and dropout come each from a stream of its own derived from `seed`. With a folder `checkpoints` the training is
    saved there now and then, and goes on from what lies there: on a CPU with the bits it would have had uninterrupted.
    `cost`: as `predict_cost` returns it, where that is known already.
    Raises ValueError if the arm needs labels that the set does not have, for labels that are none of the classes, and
    for a checkpoint of another training.
    """
    device = torch.device(device)
    training_set.check_arm(arm, num_classes)
    cost = cost or predict_cost(training_set, arm, architecture, recipe, device, num_classes)
    model = build_model(architecture, **asdict(training_set.shape(num_classes)), seed=derive_seed(seed, "model"))
    return Training(
        model,
        training_set,
        arm,
        recipe,
        seed,
        device,
        num_classes,
        listener,
        checkpoints,
        cost.micro_batch,
        cost.execution,
    ).run()


class Training:
    """Trains `model` in place, as `train_trial` does with a fresh one; what changes is in the attributes that `_save`
    writes.

    `micro_batch` images are forwarded at once; None: as many as the recipe or `workers.ladd.engine.micro_batch` says.
    `capture`: how steps of one micro-batch become graphs; None: CUDA graphs on a GPU, none on a CPU.
    """

    def __init__(
        self,
        model: nn.Module,
        training_set: TrainingSet,
        arm: Arm,
        recipe: Recipe,
        seed: int,
        device: torch.device | str,
        num_classes: int,
        listener: Listener = SILENT,
        checkpoints: Path | None = None,
        micro_batch: int | None = None,
        execution: Execution = EAGER,
        capture: Capture | None = None,
    ) -> None:
        self._device = torch.device(device)
        self._model, self._set = model.to(self._device).train(), training_set.to(self._device)
        self._arm, self._recipe, self._seed = arm, recipe, seed
        self._listener, self._checkpoints = listener, checkpoints
        size = self._set.images.shape[2]
        self._gradient = StepGradient(
            self._model,
            self._set,
            self._set.targets(arm, num_classes, recipe.temperature),
            micro_batch or micro_batch_size(size, size, self._device, recipe.micro_batch),
            execution,
            listener.log,
        )
        self._settings = {
            "model": type(model).__name__,
            "arm": arm.name,
            "seed": seed,
            "images": list(self._set.images.shape),
            # None as well where the training was saved before there was a border: it had none.
            "border": self._set.border or None,
            **recipe.shown(self._set.view_count),
        }
        for field, former in LATER_SETTINGS.items():
            if self._settings[field] == former:
                del self._settings[field]
        if "reduction" in self._settings:
            del self._settings["view_weight"]
        self._optimizer = make_optimizer(model, recipe, self._device)
        self._average = MovingAverage(model, recipe.ema_beta) if recipe.ema_beta else None
        if capture is None and self._device.type == "cuda":
            capture = cuda_graphs()
        # A graph reads the learning rate where it lies.
        self._rate = torch.zeros((), device=self._device) if capture else None
        kind = self._device.type, recipe.optimizer, recipe.mix, arm.asks_labeler
        self._graphs = StepGraphs(self._compute, self._changing, capture, listener.log, kind) if capture else None
        self._streams = Streams(seed, recipe.seed_rule)
        self._losses: list[float] = []
        self._unread: list[tuple[Tensor, int]] = []
        self._epoch_states = self._streams.states
        self._step = self._row = self._samples = self._forwards = 0
        self._epoch_loss, self._step_loss = torch.zeros(2, device=self._device).unbind()
        self._dropout_begun: DropoutState | None = None
        self._seconds_before, self._started = 0.0, time.monotonic()
        self._saved_at = self._read_at = self._started

    def run(self) -> Trained:
        """Train to the end, on from the folder of checkpoints."""
        with (
            self._gradient.execution.float32(),
            repeatable(self._device, self._recipe.deterministic),
            seeded_dropout(derive_seed(self._seed, "dropout"), self._device),
        ):
            if self._checkpoints and (path := self._checkpoints / CHECKPOINT_FILE).exists():
                self._resume(read_state(path, "settings", self._settings))
            while self._epoch < self._recipe.passes:
                self._run_epoch()
            self._read_losses()
        model = self._average.model if self._average else self._model
        # The layout was for training; a test runs in the plain one.
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return Trained(model, self._losses, self._gradient.execution, self._gradient.micro_batch, self._seconds)

    @property
    def _epoch(self) -> int:
        """How many epochs are done."""
        return len(self._losses) + len(self._unread)

    def _run_epoch(self) -> None:
        epoch, recipe = self._epoch, self._recipe
        if forgets_momentum(recipe, epoch) and not self._step:
            for memory in memory_of(self._optimizer):
                # In place, where a graph finds it.
                memory.zero_()
        rate = learning_rate(recipe, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = rate if self._rate is None else self._rate.fill_(rate)
        self._epoch_states = self._streams.states
        images, _, *size = self._set.images.shape
        plan = plan_epoch(images, self._set.view_count, (size[0], size[1]), self._arm, recipe, self._streams)
        for step in on_device(list(plan)[self._step :], self._device):
            self._run_step(step)
        if self._average:
            self._average.update(self._model)
        self._unread.append((self._epoch_loss.clone(), self._samples))
        self._epoch_loss.zero_()
        self._step = self._samples = 0
        if self._device.type == "cpu" or time.monotonic() - self._read_at >= LOSSES_EVERY_SECONDS:
            self._read_losses()

    def _read_losses(self) -> None:
        """Fetch the losses of the epochs done, for which a GPU is waited for, and tell them."""
        if not self._unread:
            return
        sums = torch.stack([loss for loss, _ in self._unread]).tolist()
        for loss, (_, samples) in zip(sums, self._unread, strict=True):
            self._losses.append(loss / samples)
            self._listener.on_epoch(len(self._losses), self._recipe.passes, self._losses[-1])
        self._unread.clear()
        self._read_at = time.monotonic()

    def _run_step(self, step: Step) -> None:
        rows = len(step.image)
        whole = not self._row and rows <= self._gradient.micro_batch
        if whole and self._graphs is not None and self._graphs.run(step):
            self._listener.on_images(rows)
        else:
            self._run_eagerly(step)
        self._samples += step.samples
        self._step, self._forwards, self._row = self._step + 1, self._forwards + rows, 0
        self._save_if_due()

    def _run_eagerly(self, step: Step) -> None:
        if not self._row:
            self._optimizer.zero_grad()
            self._dropout_begun = DropoutState.now(self._device)
        assert self._dropout_begun is not None
        self._gradient.run(step, self._dropout_begun, self._on_rows, self._on_restart, self._row)
        self._finish(step)

    def _compute(self, step: Step) -> None:
        """Compute a step of one micro-batch with all that changes in place and nobody told: as a graph is captured."""
        self._optimizer.zero_grad()
        self._step_loss += self._gradient.of_whole(step)
        self._finish(step)

    def _finish(self, step: Step) -> None:
        self._optimizer.step()
        self._epoch_loss += self._step_loss * step.samples
        self._step_loss.zero_()

    def _changing(self) -> list[Tensor]:
        weights = [weights.detach() for weights in self._model.parameters()]
        statistics = [values for values in self._model.buffers() if values.is_floating_point()]
        return [*weights, *statistics, *memory_of(self._optimizer), self._epoch_loss]

    def _on_rows(self, rows: int, loss: Tensor) -> None:
        self._row += rows
        self._step_loss += loss
        self._listener.on_images(rows)
        self._save_if_due()

    def _on_restart(self) -> None:
        self._listener.on_images(-self._row)
        self._row = 0
        self._step_loss.zero_()

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def _save_if_due(self) -> None:
        if self._checkpoints is None:
            return
        limit = WITHIN_A_STEP_SECONDS if self._row else BETWEEN_STEPS_SECONDS
        if self._listener.wants_checkpoint() or time.monotonic() - self._saved_at >= limit:
            self._save(self._checkpoints / CHECKPOINT_FILE)
            self._saved_at = time.monotonic()
            self._listener.on_checkpoint()

    def _save(self, path: Path) -> None:
        """Write the state before row `row` of step `step`, both counted from 0, of the epoch after those of `losses`.

        `settings`: everything that decides the training, so that none goes on with another one's state. `epoch_loss`,
        `samples`: sums over the steps done of the epoch; `step_loss`: over the rows done of the step. `forwards`: rows
        passed forward before the step. `gradients`: of the rows done, None at a step's first row. `streams`: states of
        the generators at the start of the epoch; `dropout_begun`, `dropout`: CPU and GPU state of dropout's generators
        at the start of the step and now.
        """
        self._read_losses()
        now = DropoutState.now(self._device)
        begun = self._dropout_begun if self._row and self._dropout_begun else now
        average = self._average
        state = {
            "settings": self._settings,
            "step": self._step,
            "row": self._row,
            "losses": self._losses,
            "epoch_loss": self._epoch_loss.item(),
            "step_loss": self._step_loss.item(),
            "samples": self._samples,
            "forwards": self._forwards,
            "micro_batch": self._gradient.micro_batch,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "gradients": [weights.grad for weights in self._model.parameters()] if self._row else None,
            "average": average.model.state_dict() if average else None,
            "average_updates": average.updates if average else 0,
            "streams": self._epoch_states,
            "dropout_begun": tuple(begun),
            "dropout": tuple(now),
            "seconds": self._seconds,
        }
        write_state(path, state)

    def _resume(self, state: dict[str, Any]) -> None:
        self._losses, self._step, self._row = state["losses"], state["step"], state["row"]
        self._samples, self._forwards = state["samples"], state["forwards"]
        self._epoch_loss.fill_(state["epoch_loss"])
        self._step_loss.fill_(state["step_loss"])
        self._gradient.micro_batch = state["micro_batch"]
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._row:
            for weights, gradient in zip(self._model.parameters(), state["gradients"], strict=True):
                weights.grad = gradient.to(weights) if gradient is not None else None
        if self._average:
            self._average.model.load_state_dict(state["average"])
            self._average.updates = state["average_updates"]
        self._streams.states = state["streams"]
        self._dropout_begun = DropoutState(*state["dropout_begun"])
        DropoutState(*state["dropout"]).restore(self._device)
        self._seconds_before = state["seconds"]
        self._listener.on_images(self._forwards + self._row)
