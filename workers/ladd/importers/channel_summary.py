"""Value range and statistics per channel, gathered chunk by chunk."""

import numpy as np
from numpy.typing import NDArray


class ChannelSummary:
    """Summary of a set's pixels: exact for 8-bit images, whose values are counted."""

    def __init__(self, channels: int) -> None:
        self.minimum = np.full(channels, np.inf)
        self.maximum = np.full(channels, -np.inf)
        self._counts = np.zeros((channels, 256), dtype=np.int64)

    def add(self, images: NDArray[np.generic]) -> None:
        """Take in uint8 [k, H, W, C] or float [k, C, H, W] images."""
        if images.dtype == np.uint8:
            for channel in range(images.shape[3]):
                self._counts[channel] += np.bincount(images[..., channel].ravel(), minlength=256)
                present = np.flatnonzero(self._counts[channel])
                self.minimum[channel], self.maximum[channel] = present[0], present[-1]
        else:
            self.minimum = np.minimum(self.minimum, images.min(axis=(0, 2, 3)))
            self.maximum = np.maximum(self.maximum, images.max(axis=(0, 2, 3)))

    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and (population) standard deviation of the 8-bit pixels, float64, on the [0, 1] scale."""
        levels = np.arange(256) / 255
        weights = self._counts / self._counts.sum(axis=1, keepdims=True)
        mean = weights @ levels
        variance = (weights * (levels - mean[:, np.newaxis]) ** 2).sum(axis=1)
        return mean.tolist(), np.sqrt(variance).tolist()
