"""What each optimizer step of a deployment training forwards: which images and views, with which weights.

All of Eq. 5 and of its cheaper forms lies in one weight per row, so the loss of a step is the weighted sum of the
cross-entropies of its rows, however they are cut into micro-batches.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from method.arms import Arm
from workers.ladd.engine.dsa import DSADraw, draw_dsa
from workers.ladd.engine.micro_batch import slices
from workers.ladd.engine.seeds import generator
from workers.ladd.recipes.recipe import Recipe

FULL_IMAGE = -1
"""In place of a view's index: the image itself."""

AUGMENTATION_RULE = "one operation per step, for its images and views alike, after the crop"
"""Goes into every result: the paper does not say how DSA and the views go together."""


@dataclass(frozen=True)
class Step:
    """One optimizer step over R rows, all on the CPU.

    `image` int64 [R]: which image; `view` int64 [R]: which view of it, or FULL_IMAGE; `weight` float32 [R]: of the
    row's cross-entropy in the loss; `samples`: how many members of the epoch the step's batch has; `augmentation`:
    one draw for all rows.
    """

    image: Tensor
    view: Tensor
    weight: Tensor
    samples: int
    augmentation: DSADraw


class Streams:
    """The random streams of one trial, each with a seed of its own derived from the trial's."""

    def __init__(self, seed: int) -> None:
        self.order = generator(seed, "order")
        self.views = generator(seed, "views")
        self.augmentation = generator(seed, "augmentation")

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
    into the batches the baseline has: the same batch size and number of iterations (Fig. 3), plain cross-entropy.
    """
    rows = _pool_rows if recipe.views == "pool" else _image_rows
    for image, view, weight, samples in rows(images, view_count, arm, recipe, streams):
        draw = draw_dsa(len(image), size, streams.augmentation, recipe.augmentation)
        yield Step(image, view, weight, samples, draw)


@dataclass(frozen=True)
class TrainingCounts:
    """What one whole training comes to: optimizer steps, rows forwarded, full images among these, rows of a full step.

    Of a "pool" `images_seen` is the expected number, rounded.
    """

    steps: int
    forwards: int
    images_seen: int
    largest_step: int


def training_counts(images: int, view_count: int, arm: Arm, recipe: Recipe) -> TrainingCounts:
    """Return the counts of a training on `images` images with `view_count` views each; all its epochs."""
    steps = recipe.passes * math.ceil(images / recipe.batch_size)
    members = recipe.passes * images
    full = bool(arm.full_images)
    batch = min(recipe.batch_size, images)
    if recipe.views == "pool":
        kinds = full + (view_count if arm.views else 0)
        return TrainingCounts(steps, members, round(members * full / kinds), batch)
    views = recipe.views_per_image(view_count) if arm.views else 0
    return TrainingCounts(steps, members * (full + views), members * full, batch * (full + views))


Rows = Iterator[tuple[Tensor, Tensor, Tensor, int]]


def _image_rows(images: int, view_count: int, arm: Arm, recipe: Recipe, streams: Streams) -> Rows:
    drawn = recipe.views_per_image(view_count) if arm.views else 0
    # The sum over the views has view_count terms, the mean has one: so much weight lies on the views drawn.
    total = view_count if recipe.reduction == "sum" else 1
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
        weight = torch.full((len(batch),), 1 / len(batch))
        yield batch // kinds, batch % kinds + first, weight, len(batch)
