"""An optimizer step of a deployment training: the images and views that it forwards, their weights, and its gradient.

All of Eq. 5 and of its cheaper forms lies in one weight per row, so the loss of a step is the weighted sum of the
losses of its rows, however they are cut into micro-batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from method.arms import Arm
from method.augmentation import NONE
from method.seed_rules import SEED_RULE
from method.views import view_weight
from workers.ladd.deployment.loss import row_losses
from workers.ladd.deployment.training_set import FULL_IMAGE, Targets, TrainingSet
from workers.ladd.engine.dsa import Draw, apply_dsa, draw_dsa
from workers.ladd.engine.execution import Execution, uncompiled
from workers.ladd.engine.kernels.trust import NotFusedError
from workers.ladd.engine.memory import is_memory_shortage
from workers.ladd.engine.micro_batch import check_divisible, has_batch_statistics, slices
from workers.ladd.engine.mixing import NO_MIX, draw_mix, mix_images, mix_targets
from workers.ladd.engine.seeds import DropoutState, generator
from workers.ladd.engine.transfer import to_device
from workers.ladd.recipes.recipe import Recipe

AUGMENTATION_RULE = "one operation per step, for its images and views alike, after the crop"
"""Goes into every result: the paper (section 4.1) does not say how DSA and the views go together."""


@dataclass(frozen=True)
class Step:
    """One optimizer step over R rows, drawn on the CPU.

    `image` int64 [R]: which image; `view` int64 [R]: which view of it, or FULL_IMAGE, as in the first `full` rows;
    `weight` float32 [R]: of the row's loss in the step's; `samples`: how many members of the epoch the step's batch
    has; `augmentation`, `mix`: one draw each for all rows.
    """

    image: Tensor
    view: Tensor
    weight: Tensor
    full: int
    samples: int
    augmentation: Draw
    mix: Draw = NO_MIX

    @property
    def tensors(self) -> list[Tensor]:
        """Everything that is drawn for each row."""
        return [self.image, self.view, self.weight, *self.augmentation.tensors, *self.mix.tensors]

    def with_tensors(self, tensors: Iterable[Tensor]) -> "Step":
        """Return the step with these in place of `tensors`, in their order."""
        given = iter(tensors)
        image, view, weight = islice(given, 3)
        augmentation = self.augmentation.with_tensors(islice(given, len(self.augmentation.tensors)))
        mix = self.mix.with_tensors(given)
        return replace(self, image=image, view=view, weight=weight, augmentation=augmentation, mix=mix)


def on_device(steps: Sequence[Step], device: torch.device) -> list[Step]:
    """Return steps whose tensors lie on `device`: all go over at once, and nobody waits for them."""
    moved = iter(to_device([tensor for step in steps for tensor in step.tensors], device))
    return [step.with_tensors(islice(moved, len(step.tensors))) for step in steps]


class Streams:
    """The random streams of one trial, each with a seed of its own derived from the trial's, by a rule of
    `method.seed_rules`.
    """

    def __init__(self, seed: int, rule: int = SEED_RULE) -> None:
        self.order = generator(seed, "order")
        self.views = generator(seed, "views")
        self.augmentation = generator(seed, "augmentation")
        self.family = generator(seed, "family") if rule > 1 else self.augmentation
        self.mix = generator(seed, "mix")

    @property
    def states(self) -> dict[str, Tensor]:
        """Where the generators stand, by name; may be set."""
        return {name: stream.get_state() for name, stream in vars(self).items()}

    @states.setter
    def states(self, states: dict[str, Tensor]) -> None:
        for name, state in states.items():
            vars(self)[name].set_state(state)


def plan_epoch(
    images: int, view_count: int, size: tuple[int, int], arm: Arm, recipe: Recipe, streams: Streams
) -> Iterator[Step]:
    """Yield the steps of one epoch over `images` images of size (height, width) with `view_count` views each.

    "full" and "sampled:K" go through the images in a drawn order, `batch_size` at a time, as the baseline does. Rows
    are the full images of the batch first, then its views, image by image; both terms are means over the batch.
    "pool" draws as many rows as there are images, without replacement, from all full images and views, and cuts them
    into the batches the baseline has: the same batch size and number of iterations (Fig. 3), plain cross-entropy. In
    each, the full images come first.
    """
    rows = _pool_rows if recipe.views == "pool" else _image_rows
    for image, view, weight, samples in rows(images, view_count, arm, recipe, streams):
        draw = draw_dsa(len(image), size, streams.augmentation, recipe.augmentation, streams.family)
        full = int((view == FULL_IMAGE).sum())
        mix = draw_mix(recipe.mix, full, len(image), size, streams.mix)
        yield Step(image, view, weight, full, samples, draw, mix)


Rows = Iterator[tuple[Tensor, Tensor, Tensor, int]]


def _image_rows(images: int, view_count: int, arm: Arm, recipe: Recipe, streams: Streams) -> Rows:
    drawn = recipe.views_per_image(view_count) if arm.views else 0
    # The mean over all views has this weight, and so has the mean over those drawn.
    total = view_weight(recipe.view_weight, view_count)
    order = torch.randperm(images, generator=streams.order)
    for batch in (order[rows] for rows in slices(images, recipe.batch_size)):
        image, view, weight = [], [], []
        if arm.full_images:
            image.append(batch)
            view.append(torch.full((len(batch),), FULL_IMAGE))
            weight.append(torch.full((len(batch),), 1 / len(batch)))
        if arm.views:
            image.append(batch.repeat_interleave(drawn))
            view.append(_views_of(len(batch), drawn, view_count, streams).flatten())
            weight.append(torch.full((len(batch) * drawn,), total / drawn / len(batch)))
        yield torch.cat(image), torch.cat(view), torch.cat(weight), len(batch)


def _views_of(images: int, drawn: int, view_count: int, streams: Streams) -> Tensor:
    """Views [images, drawn]: all in order, or `drawn` different ones of each image, every choice as likely."""
    if drawn == view_count:
        return torch.arange(view_count).expand(images, -1)
    return torch.rand(images, view_count, generator=streams.views).argsort(dim=1)[:, :drawn]


def _pool_rows(images: int, view_count: int, arm: Arm, recipe: Recipe, streams: Streams) -> Rows:
    first = FULL_IMAGE if arm.full_images else 0
    kinds = (view_count if arm.views else 0) - first
    drawn = torch.randperm(images * kinds, generator=streams.order)[:images]
    for batch in (drawn[rows] for rows in slices(images, recipe.batch_size)):
        image, view = batch // kinds, batch % kinds + first
        full = view == FULL_IMAGE
        image, view = (torch.cat((values[full], values[~full])) for values in (image, view))
        yield image, view, torch.full((len(batch),), 1 / len(batch)), len(batch)


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
    """Add the gradient of a step's loss, from row `first` on, to the parameters; the step lies on the set's device.

    `targets` are those of the arm. Yields how many rows each micro-batch has, and its part of the loss; the loss of the
    step is their sum. `forward` stands for the model's forward pass; `padded` brings every micro-batch to the same
    number of images, with zeros that the loss leaves out, for a compiler that makes code for one shape. Raises
    ValueError for a network with batch statistics when the step does not fit into one micro-batch.
    """
    check_divisible(model, len(step.image), micro_batch)
    forward = forward or model
    for rows in slices(len(step.image), micro_batch, first):
        pixels, wanted = _inputs(training_set, step, rows, targets)
        count = len(pixels)
        if padded and count < micro_batch:
            pixels = torch.cat([pixels, pixels.new_zeros(micro_batch - count, *pixels.shape[1:])])
        losses = row_losses(forward(pixels)[:count], wanted, targets.temperature)
        loss = losses @ step.weight[rows].to(pixels)
        torch.autograd.backward(loss)
        yield count, loss.detach()


def _inputs(training_set: TrainingSet, step: Step, rows: slice, targets: Targets) -> tuple[Tensor, Tensor]:
    """Return what some rows of a step give the network, [R, C, H, W], and their targets, [R, ...]."""
    full = max(0, min(rows.stop, step.full) - rows.start)

    def pixels_of(chosen: slice | Tensor) -> Tensor:
        pixels = training_set.pixels(step.image[chosen], step.view[chosen], full)
        return apply_dsa(pixels, step.augmentation.rows(chosen))

    def targets_of(chosen: slice | Tensor) -> Tensor:
        return targets.rows(step.image[chosen], step.view[chosen], full)

    pixels = pixels_of(rows)
    mixed = step.mix.family != NONE
    draw = step.mix.rows(rows)
    if mixed:
        # A partner may lie in another micro-batch: it is cut and augmented anew, and is of the same kind as its row.
        pixels = mix_images(pixels, pixels_of(draw.parameters["partner"]), draw)
    if targets.labeler is not None:
        return pixels, targets.of_answers(targets.labeler.answers(pixels))
    wanted = targets_of(rows)
    return pixels, mix_targets(wanted, targets_of(draw.parameters["partner"]), draw) if mixed else wanted


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
            parts = self._accumulated(step, first)
            try:
                for rows, loss in parts:
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
            begun.restore(self._device)
            first = 0
            on_restart()

    def of_whole(self, step: Step) -> Tensor:
        """Add the gradient of a step that fits into one micro-batch, and return its loss; goes on with nothing less."""
        [(_, loss)] = self._accumulated(step)
        return loss

    def _accumulated(self, step: Step, first: int = 0) -> Iterator[tuple[int, Tensor]]:
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
            if has_batch_statistics(self._model):
                return False
            smaller = min(self.micro_batch, rows) // 2
            if not smaller:
                return False
            self._log(f"out of memory with {self.micro_batch} images at once; going on with {smaller}")
            self.micro_batch = smaller
            return True
        if isinstance(error, NotFusedError):
            self._log(f"going on without the fused kernels: {error}")
            self._use(uncompiled(self.execution))
            return True
        if self.execution.compiled and not self._compiler_worked:
            self._log(f"going on without torch.compile, which failed: {type(error).__name__}")
            self._use(uncompiled(self.execution))
            return True
        return False
