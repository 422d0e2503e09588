"""The gradient of one optimizer step, accumulated over micro-batches."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.ladd.deployment.step_plan import Step
from workers.ladd.deployment.training_set import Targets, TrainingSet
from workers.ladd.engine.dsa import apply_dsa
from workers.ladd.engine.execution import Execution, uncompiled
from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.engine.micro_batch import check_divisible, slices
from workers.ladd.engine.seeds import DropoutState


def accumulate(
    model: nn.Module,
    training_set: TrainingSet,
    step: Step,
    targets: Targets,
    micro_batch: int,
    *,
    first: int = 0,
    forward: Callable[[Tensor], Tensor] | None = None,
    padded: bool = False,
) -> Iterator[tuple[int, Tensor]]:
    """Add the gradient of a step's loss, from row `first` on, to the parameters.

    `targets` are those of the arm. Yields how many rows each micro-batch has, and its part of the loss; the loss of the
    step is their sum. `forward` stands for the model's forward pass; `padded` brings every micro-batch to the same
    number of images, with zeros that the loss leaves out, for a compiler that makes code for one shape. Raises
    ValueError for a network with batch statistics when the step does not fit into one micro-batch.
    """
    check_divisible(model, len(step.image), micro_batch)
    forward = forward or model
    weights = step.weight.to(training_set.images)
    for rows in slices(len(step.image), micro_batch, first):
        pixels, wanted = training_set.rows(step.image[rows], step.view[rows], targets)
        pixels = apply_dsa(pixels, step.augmentation.rows(rows))
        count = len(pixels)
        if padded and count < micro_batch:
            pixels = torch.cat([pixels, pixels.new_zeros(micro_batch - count, *pixels.shape[1:])])
        loss = F.cross_entropy(forward(pixels)[:count], wanted, reduction="none") @ weights[rows]
        torch.autograd.backward(loss)
        yield count, loss.detach()


class StepGradient:
    """Computes steps with one model and set; goes on with less where memory is short or the compiler fails.

    `micro_batch` and `execution` say what is used by now; `log` is told when that changes.
    """

    def __init__(
        self,
        model: nn.Module,
        training_set: TrainingSet,
        targets: Targets,
        micro_batch: int,
        execution: Execution,
        log: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.micro_batch = micro_batch
        self._model, self._training_set, self._targets, self._log = model, training_set, targets, log
        self._device = training_set.images.device
        self._compiler_worked = False
        self._use(execution)

    def _use(self, execution: Execution) -> None:
        self.execution = execution
        self._forward = execution.forward_of(self._model, self._device)

    def run(
        self,
        step: Step,
        begun: DropoutState,
        on_rows: Callable[[int, Tensor], None],
        on_restart: Callable[[], None],
        first: int = 0,
    ) -> None:
        """Leave the gradient of the step's loss in the parameters, which hold that of the rows before `first`.

        `begun` is the state of the dropout generators at the step's first row. `on_rows` is told the rows and the loss
        of each micro-batch, `on_restart` that the whole step begins anew. Raises what the network raises; torch's
        out-of-memory error only when a single image is too much.
        """
        while True:
            try:
                for rows, loss in self._parts(step, first):
                    on_rows(rows, loss)
            except Exception as error:
                if not self._can_do_with_less(error, len(step.image)):
                    raise
            else:
                self._compiler_worked = True
                return
            # Outside the handler, where the error no longer keeps the tensors of the failed pass alive.
            self._model.zero_grad()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            begun.restore()
            first = 0
            on_restart()

    def _parts(self, step: Step, first: int) -> Iterator[tuple[int, Tensor]]:
        return accumulate(
            self._model,
            self._training_set,
            step,
            self._targets,
            self.micro_batch,
            first=first,
            forward=self._forward,
            padded=self.execution.compiled,
        )

    def _can_do_with_less(self, error: Exception, rows: int) -> bool:
        if is_memory_shortage(error):
            smaller = min(self.micro_batch, rows) // 2
            if not smaller:
                return False
            self._log(f"out of memory with {self.micro_batch} images at once; going on with {smaller}")
            self.micro_batch = smaller
            return True
        if self.execution.compiled and not self._compiler_worked:
            self._log(f"going on without torch.compile, which failed: {type(error).__name__}")
            self._use(uncompiled(self.execution))
            return True
        return False
