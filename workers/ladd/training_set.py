"""What a network is trained on: distilled images, their labels, and the dense labels of their views."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from workers.ladd.arms import Arm
from workers.ladd.step_plan import FULL_IMAGE
from workers.ladd.views import ViewGrid, extract_views


@dataclass(frozen=True)
class TrainingSet:
    """What a network is trained on.

    `images` float32 [M, C, H, W], normalised, H = W; `labels` int64 [M]; `dense_labels` float32 [M, V, C], the
    probabilities that the labeler gave view j of each image, cut by `grid` with V views. A plain distilled set has
    neither of the two. Raises ValueError when the parts do not fit together.
    """

    images: Tensor
    labels: Tensor
    dense_labels: Tensor | None = None
    grid: ViewGrid | None = None

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.ndim != 4 or self.images.shape[2] != self.images.shape[3] or not count:
            raise ValueError(f"images must be [M, C, H, H] with M of at least 1; got {list(self.images.shape)}")
        if self.labels.shape != (count,):
            raise ValueError(f"labels must be [{count}] for {count} images; got {list(self.labels.shape)}")
        if (self.dense_labels is None) != (self.grid is None):
            raise ValueError("dense_labels and grid must be given together; got one of them")
        if self.dense_labels is not None and self.dense_labels.shape[:2] != (count, self.view_count):
            shape = list(self.dense_labels.shape)
            raise ValueError(f"dense_labels must be [{count}, {self.view_count}, C] for this grid; got {shape}")

    @property
    def view_count(self) -> int:
        """Number of views of one image that have a dense label."""
        return self.grid.count if self.grid else 0

    def to(self, device: torch.device) -> "TrainingSet":
        """Return the same set with its tensors on `device`."""
        dense = None if self.dense_labels is None else self.dense_labels.to(device)
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), dense_labels=dense)

    def rows(self, image: Tensor, view: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        """Return pixels [R, C, H, W] and target probabilities [R, num_classes] of images and views, CPU int64 [R]."""
        device = self.images.device
        # Found on the CPU, so that the device is not waited for.
        cut = (view != FULL_IMAGE).nonzero().squeeze(1)
        pixels = self.images[image.to(device)]
        targets = F.one_hot(self.labels[image.to(device)], num_classes).to(pixels.dtype)
        if len(cut) and self.grid is not None and self.dense_labels is not None:
            place, views = cut.to(device), view[cut].to(device)
            pixels[place] = extract_views(pixels[place], self.grid, views[:, None]).squeeze(1)
            targets[place] = self.dense_labels[image[cut].to(device), views].to(targets.dtype)
        return pixels, targets

    def check_arm(self, arm: Arm, num_classes: int) -> None:
        """Raise ValueError if the arm needs labels that this set does not have, or a label is none of the classes."""
        if arm.full_images not in (None, "hard") or arm.views not in (None, "soft"):
            raise ValueError(f"arm must use the labels there are: hard ones of images, soft ones of views; got {arm}")
        lowest, highest = (int(label) for label in self.labels.aminmax())
        if lowest < 0 or highest >= num_classes:
            raise ValueError(f"labels must lie between 0 and {num_classes - 1}; got {lowest} to {highest}")
        if not arm.views:
            return
        if self.dense_labels is None:
            raise ValueError(f"dense_labels must be given for the arm {arm.name!r}; got a set without them")
        if (classes := self.dense_labels.shape[2]) != num_classes:
            raise ValueError(f"dense_labels must have {num_classes} classes, as the evaluation has; got {classes}")
