"""The archive as a data set of torch, to train on with Eq. 5 in any loop. The one module of the client with torch.

`pip install "ladd-client[torch]"`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ladd_client.archive import Archive, read_archive
from method.normalizations import ZCA
from method.views import crop_offsets, crop_side, drawn_views, is_policy


class LabelAugmentedDataset(Dataset[tuple[Tensor, ...]]):
    """M images of C classes with V views each, normalised as networks for the set take them.

    `views` says what an item is:
    - `full`: (image [channels, H, W], its label [C], its views [V, channels, H, W], their dense labels [V, C]);
    - `sampled:K`: the same with K different views, drawn anew from torch's global generator each time;
    - `pool`: (pixels [channels, H, W], label [C]) of an image or of a view: item i is of image i // (V + 1), the image
      itself first. An epoch of the paper's has as many of them as there are images, drawn without replacement.

    All are float32 and labels distributions, as `torch.nn.functional.cross_entropy` takes them. Eq. 5 is the sum of it
    over an image and its views. `images`, `labels`, `dense_labels` and `full_labels` hold all of it at once.

    `whiten` is needed for a set that was distilled in whitened space, whose archive lacks the whitening: it turns
    images float32 [M, channels, H, W] on the [0, 1] scale. Raises `ArchiveError` for a file that is no archive, and
    ValueError for another policy, for more views than there are, and for a whitening that is missing.
    """

    def __init__(
        self,
        archive: str | Path | Archive,
        views: str = "full",
        *,
        whiten: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if not is_policy(views):
            raise ValueError(f"views must be 'full', 'pool' or 'sampled:K' with K of at least 1; got {views!r}")
        read = archive if isinstance(archive, Archive) else read_archive(archive)
        grid, self._normalization = read.manifest["views"], read.manifest["normalization"]
        self.class_names: Sequence[str] = read.manifest["classes"]
        self.dense_labels = torch.from_numpy(read.dense_labels)
        self.full_labels = torch.from_numpy(read.full_labels)
        own = torch.from_numpy(read.labels if read.soft_labels is None else read.soft_labels)
        self.labels = own if own.is_floating_point() else F.one_hot(own, self.num_classes).to(torch.float32)
        self.images = self._whitened(read.images, whiten) if self._normalization["name"] == ZCA else self._own(read)
        height, width = self.images.shape[2:]
        self._side = crop_side(grid["ratio"], height), crop_side(grid["ratio"], width)
        tops, lefts = (crop_offsets(grid["n"], grid["ratio"], size) for size in (height, width))
        self._corners = [(top, left) for top in tops for left in lefts]
        self._pool, self._drawn = views == "pool", drawn_views(views)
        if self._drawn is not None and self._drawn > self.view_count:
            raise ValueError(f"views must not sample more than the {self.view_count} views there are; got {views!r}")

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)

    @property
    def view_count(self) -> int:
        """V."""
        return self.dense_labels.shape[1]

    def __len__(self) -> int:
        return len(self.images) * (self.view_count + 1 if self._pool else 1)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}); got {index}")
        if self._pool:
            image, view = index // (self.view_count + 1), index % (self.view_count + 1) - 1
            if view < 0:
                return self.images[image], self.labels[image]
            return self.cut(image, [view])[0], self.dense_labels[image, view]
        if self._drawn is None:
            chosen = torch.arange(self.view_count)
        else:
            chosen = torch.rand(self.view_count).argsort()[: self._drawn]
        return (
            self.images[index],
            self.labels[index],
            self.cut(index, chosen.tolist()),
            self.dense_labels[index, chosen],
        )

    def cut(self, image: int, views: Sequence[int]) -> Tensor:
        """Cut these views out of an image; float32 [K, channels, H, W]."""
        height, width = self._side
        corners = [self._corners[view] for view in views]
        crops = torch.stack([self.images[image, :, top : top + height, left : left + width] for top, left in corners])
        size = self.images.shape[2:]
        return F.interpolate(crops, size=size, mode="bilinear", align_corners=False, antialias=False)

    def test_images(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return real images uint8 [B, H, W, channels] as a network that was trained on the set takes them.

        float32 [B, channels, H, W]; for a set that was distilled in whitened space on the [0, 1] scale, to be whitened.
        """
        told = self._normalization.get("test") or self._normalization
        return _normalised(_unit(torch.as_tensor(pixels)), told["mean"], told["std"])

    def _own(self, archive: Archive) -> Tensor:
        images = torch.from_numpy(archive.images)
        if self._normalization["applied"]:
            return images
        images = _unit(images) if images.dtype == torch.uint8 else images
        return _normalised(images, self._normalization["mean"], self._normalization["std"])

    def _whitened(self, images: NDArray[np.generic], whiten: Callable[[Tensor], Tensor] | None) -> Tensor:
        if whiten is None:
            raise ValueError(
                "whiten must be given for an archive with normalization zca: it was distilled in whitened space, and "
                "the whitening, which is fitted to the source set, is not in it"
            )
        tensor = torch.from_numpy(images)
        return whiten(_unit(tensor) if tensor.dtype == torch.uint8 else tensor)


def _unit(pixels: Tensor) -> Tensor:
    """[0, 1] float32 [B, C, H, W] of uint8 [B, H, W, C]."""
    return pixels.permute(0, 3, 1, 2).contiguous().to(torch.float32).div_(255)


def _normalised(images: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    """`images` with these statistics, where there are some, by the steps of torchvision's `Normalize`."""
    if mean is None or std is None:
        return images
    channels = [torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (mean, std)]
    return (images - channels[0]) / channels[1]
