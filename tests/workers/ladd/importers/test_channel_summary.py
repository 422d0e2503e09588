"""Range and statistics of channels, against numpy."""

import numpy as np

from workers.ladd.importers.channel_summary import ChannelSummary

RNG = np.random.default_rng(0)


def test_statistics_of_pixels_are_those_of_numpy_in_float64() -> None:
    pixels = RNG.integers(3, 250, (10, 8, 8, 3), dtype=np.uint8)
    summary = ChannelSummary(3)
    summary.add(pixels[:4])
    summary.add(pixels[4:])
    scaled = pixels.astype(np.float64) / 255
    mean, std = summary.statistics()
    np.testing.assert_allclose(mean, scaled.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, scaled.std(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_array_equal(summary.minimum, pixels.min(axis=(0, 1, 2)))
    np.testing.assert_array_equal(summary.maximum, pixels.max(axis=(0, 1, 2)))


def test_the_range_of_floats_is_per_channel() -> None:
    values = RNG.normal(size=(10, 3, 8, 8)).astype(np.float32)
    summary = ChannelSummary(3)
    for chunk in np.array_split(values, 3):
        summary.add(chunk)
    np.testing.assert_array_equal(summary.minimum, values.min(axis=(0, 2, 3)))
    np.testing.assert_array_equal(summary.maximum, values.max(axis=(0, 2, 3)))
