"""Distilled images to train on, their labels, and the labeler's."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from method.arms import Arm, LabelKind
from method.layers import Shape
from workers.ladd.deployment.live_labels import LiveLabeler
from workers.ladd.deployment.loss import beside, tempered
from workers.ladd.labels.views import ViewGrid, cut_views

FULL_IMAGE = -1
"""In place of a view's index: the image itself."""


@dataclass(frozen=True)
class Targets:
    """Targets of an arm for images [M, C] and for views [M, V, C], None for those that it leaves out.

    Each row is a distribution over the classes, or the sum of two where an arm uses both kinds of labels:
    cross-entropy is linear in its target, so the loss is the sum of both. With a `temperature` the labeler's
    distributions have a loss of their own (`workers.ladd.deployment.loss`) and stand apart, in `soft_images` and
    `soft_views`. With a `labeler` it is asked about every row, and there are no others.
    """

    images: Tensor | None
    views: Tensor | None
    soft_images: Tensor | None = None
    soft_views: Tensor | None = None
    temperature: float | None = None
    labeler: LiveLabeler | None = None

    def rows(self, image: Tensor, view: Tensor, full: int) -> Tensor:
        """Return the targets of images and views, int64 [R], the first `full` of them whole images.

        They are [R, C], or as `beside` has them where there is a temperature.
        """
        parts = []
        if full:
            parts.append(self._rows(self.images, self.soft_images, (image[:full],)))
        if full < len(image):
            parts.append(self._rows(self.views, self.soft_views, (image[full:], view[full:])))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def of_answers(self, answers: Tensor) -> Tensor:
        """Return what `rows` does, of the labeler's answers [R, C] to them."""
        return answers if self.temperature is None else beside(None, tempered(answers, self.temperature))

    def _rows(self, own: Tensor | None, soft: Tensor | None, index: tuple[Tensor, ...]) -> Tensor:
        chosen = own if own is None else own[index]
        if self.temperature is None:
            assert chosen is not None
            return chosen
        return beside(chosen, soft if soft is None else tempered(soft[index], self.temperature))


@dataclass(frozen=True)
class TrainingSet:
    """A set to train on.

    `images` float32 [M, C, H, W], normalised, H = W; `labels` int64 [M]; `dense_labels` float32 [M, V, C], the
    probabilities that the labeler gave view j of each image, cut by `grid` with V views; `full_labels` float32 [M, C],
    those it gave the whole images. A plain distilled set has none of the three, and views with the class of their
    image need `grid` alone. `soft_labels` float32 [M, C]: probabilities that the set was distilled with (TESLA, DATM),
    which take the place of the classes. `border`: pixels by which networks pad its images more, see `Shape`.
    `labeler`: for arms that ask it while they train. Raises ValueError when the parts do not fit together.
    """

    images: Tensor
    labels: Tensor
    dense_labels: Tensor | None = None
    grid: ViewGrid | None = None
    full_labels: Tensor | None = None
    soft_labels: Tensor | None = None
    border: int | None = None
    labeler: LiveLabeler | None = None

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.ndim != 4 or self.images.shape[2] != self.images.shape[3] or not count:
            raise ValueError(f"images must be [M, C, H, H] with M of at least 1; got {list(self.images.shape)}")
        if self.labels.shape != (count,):
            raise ValueError(f"labels must be [{count}] for {count} images; got {list(self.labels.shape)}")
        if self.dense_labels is not None and self.dense_labels.shape[:2] != (count, self.view_count):
            shape = list(self.dense_labels.shape)
            raise ValueError(f"dense_labels must be [{count}, {self.view_count}, C] for this grid; got {shape}")
        if self.full_labels is not None and (self.full_labels.ndim != 2 or len(self.full_labels) != count):
            raise ValueError(f"full_labels must be [{count}, C]; got {list(self.full_labels.shape)}")
        if self.soft_labels is not None and (self.soft_labels.ndim != 2 or len(self.soft_labels) != count):
            raise ValueError(f"soft_labels must be [{count}, C]; got {list(self.soft_labels.shape)}")

    @property
    def view_count(self) -> int:
        """Number of views of one image."""
        return self.grid.count if self.grid else 0

    def shape(self, num_classes: int) -> Shape:
        """Return the shape of a network that is trained on it."""
        channels, size = self.images.shape[1:3]
        return Shape(num_classes, channels, size, self.border)

    def to(self, device: torch.device) -> "TrainingSet":
        """Return the same set with its tensors on `device`."""
        moved: dict[str, Any] = {
            field: value.to(device) for field, value in vars(self).items() if isinstance(value, Tensor | LiveLabeler)
        }
        return replace(self, **moved)

    def targets(self, arm: Arm, num_classes: int, temperature: float | None = None) -> Targets:
        """Return what the arm trains towards, on the device of the set; raises what `check_arm` raises."""
        self.check_arm(arm, num_classes)
        if arm.asks_labeler:
            return Targets(images=None, views=None, temperature=temperature, labeler=self.labeler)
        own = F.one_hot(self.labels, num_classes) if self.soft_labels is None else self.soft_labels
        own = own.to(self.images.dtype)
        if temperature is not None:
            return Targets(
                images=own if arm.full_images in ("hard", "both") else None,
                views=own[:, None].expand(-1, self.view_count, -1) if arm.views in ("hard", "both") else None,
                soft_images=self.full_labels if arm.full_images in ("soft", "both") else None,
                soft_views=self.dense_labels if arm.views in ("soft", "both") else None,
                temperature=temperature,
            )
        return Targets(
            images=arm.full_images and _combined(arm.full_images, own, self.full_labels),
            views=arm.views and _combined(arm.views, own[:, None].expand(-1, self.view_count, -1), self.dense_labels),
        )

    def pixels(self, image: Tensor, view: Tensor, full: int) -> Tensor:
        """Return pixels [R, C, H, W] of images and views, int64 [R] on the set's device.

        The first `full` rows are whole images, whatever `view` says of them. The device is not waited for.
        """
        parts = []
        if full:
            parts.append(self.images[image[:full]])
        if full < len(image):
            assert self.grid is not None
            parts.append(cut_views(self.images, self.grid, image[full:], view[full:]))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def check_arm(self, arm: Arm, num_classes: int) -> None:
        """Raise ValueError if the arm needs what this set does not have, or a label is none of the classes."""
        lowest, highest = (int(label) for label in self.labels.aminmax())
        if lowest < 0 or highest >= num_classes:
            raise ValueError(f"labels must lie between 0 and {num_classes - 1}; got {lowest} to {highest}")
        if self.soft_labels is not None and (classes := self.soft_labels.shape[1]) != num_classes:
            raise ValueError(f"soft_labels must have {num_classes} classes, as the evaluation has; got {classes}")
        if arm.asks_labeler and self.labeler is None:
            raise ValueError(f"labeler must be given for the arm {arm.name!r}; got a set without")
        if arm.views and self.grid is None:
            raise ValueError(f"grid must be given for the arm {arm.name!r}, which trains on views")
        soft = {"full_labels": (arm.full_images, self.full_labels), "dense_labels": (arm.views, self.dense_labels)}
        for field, (kind, labels) in soft.items():
            if kind not in ("soft", "both"):
                continue
            if labels is None:
                raise ValueError(f"{field} must be given for the arm {arm.name!r}; got a set without them")
            if (classes := labels.shape[-1]) != num_classes:
                raise ValueError(f"{field} must have {num_classes} classes, as the evaluation has; got {classes}")


def _combined(kind: LabelKind, own: Tensor, soft: Tensor | None) -> Tensor:
    if kind == "hard":
        return own
    assert soft is not None
    return soft.to(own.dtype) if kind == "soft" else own + soft.to(own.dtype)
