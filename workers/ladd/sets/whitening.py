"""ZCA whitening, for sets that were distilled in whitened space: fitted to a source set, applied, undone.

As kornia's `ZCAWhitening` does it, with which MTT, AST and DATM whiten under `--zca`: of pixels on the [0, 1] scale,
flattened. They save no matrix, so it has to be fitted again to the images that they had.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

EPSILON = 0.1
"""Added to the eigenvalues of the covariance (`get_dataset` of mtt-distillation: `ZCAWhitening(eps=0.1)`)."""

MOST_VALUES = 4096
"""Values of one image, channels x height x width: the time to fit grows with their cube. 3,072 for CIFAR-10."""

_ROWS = 2048


@dataclass(frozen=True)
class Whitening:
    """`mean` float32 [D]; `basis` float32 [D, D], one eigenvector of the covariance a column; `scale` float32 [D].

    An image x, flattened to [D], is whitened as U diag(scale) U^T (x - mean), scale = (eigenvalue + 0.1)^(-1/2).
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def whiten(self, images: Tensor) -> Tensor:
        """Return float32 [M, C, H, W] in whitened space, of float32 [M, C, H, W] on the [0, 1] scale."""
        return self._turned(images, lambda rows: ((rows - self.mean) @ self.basis * self.scale) @ self.basis.T)

    def unwhiten(self, images: Tensor) -> Tensor:
        """Return what `whiten` has made `images` of."""
        return self._turned(images, lambda rows: (rows @ self.basis / self.scale) @ self.basis.T + self.mean)

    def whiten_pixels(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return float32 [M, C, H, W] in whitened space, of uint8 [M, H, W, C]."""
        return torch.cat([self.whiten(chunk) for chunk in _on_unit_scale(pixels)])

    def save(self, path: Path) -> None:
        """Write it for `load`."""
        save_file({"mean": self.mean, "basis": self.basis, "scale": self.scale}, path)

    @staticmethod
    def load(path: Path) -> "Whitening":
        """Read what `save` wrote."""
        return Whitening(**load_file(path))

    def _turned(self, images: Tensor, turn: Callable[[Tensor], Tensor]) -> Tensor:
        whole = torch.empty_like(images)
        for start in range(0, len(images), _ROWS):
            rows = images[start : start + _ROWS]
            whole[start : start + _ROWS] = turn(rows.flatten(1)).view_as(rows)
        return whole


def fit_whitening(pixels: NDArray[np.uint8]) -> Whitening:
    """Fit to images uint8 [n, H, W, C]: mean, and covariance over n - 1, as kornia has them.

    The covariance is summed and decomposed in float64. Raises ValueError for more than `MOST_VALUES` values an image,
    and for fewer than two images.
    """
    count, values = len(pixels), int(np.prod(pixels.shape[1:]))
    if values > MOST_VALUES or count < 2:
        raise ValueError(f"{count} images of {values} values; at least 2 of at most {MOST_VALUES} can be fitted to")
    mean = sum((chunk.flatten(1).sum(0, dtype=torch.float64) for chunk in _on_unit_scale(pixels)), torch.zeros(()))
    mean = (mean / count).to(torch.float32)
    covariance = torch.zeros(values, values, dtype=torch.float64)
    for chunk in _on_unit_scale(pixels):
        rows = chunk.flatten(1) - mean
        covariance += rows.T @ rows
    eigenvalues, basis = torch.linalg.eigh(covariance / (count - 1))
    scale = (eigenvalues.clamp(min=0) + EPSILON).rsqrt()
    return Whitening(mean, basis.to(torch.float32).contiguous(), scale.to(torch.float32))


def _on_unit_scale(pixels: NDArray[np.uint8]) -> Iterator[Tensor]:
    for start in range(0, len(pixels), _ROWS):
        chunk = torch.from_numpy(np.array(pixels[start : start + _ROWS]))
        yield chunk.permute(0, 3, 1, 2).to(torch.float32).div_(255)
