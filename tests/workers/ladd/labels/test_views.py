"""Positions and pixels of local views, against a slow reference."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.ladd.labels.views import ViewGrid, extract_views

PAPER = ViewGrid()


def resize(crop: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear resize of [C, h, w] from the formula: pixel centres at i + 1/2, edges repeated, no antialias."""
    result = np.zeros((len(crop), height, width))
    for row in range(height):
        y = max((row + 0.5) * crop.shape[1] / height - 0.5, 0)
        top, below = math.floor(y), min(math.floor(y) + 1, crop.shape[1] - 1)
        for column in range(width):
            x = max((column + 0.5) * crop.shape[2] / width - 0.5, 0)
            left, right = math.floor(x), min(math.floor(x) + 1, crop.shape[2] - 1)
            upper = crop[:, top, left] * (1 - x + left) + crop[:, top, right] * (x - left)
            lower = crop[:, below, left] * (1 - x + left) + crop[:, below, right] * (x - left)
            result[:, row, column] = upper * (1 - y + top) + lower * (y - top)
    return result


def reference_offset(k: int, n: int, size: int, side: int) -> int:
    """k-th of n offsets as an exact fraction, rounded half up; the middle for a single one."""
    share = Fraction(k, n - 1) if n > 1 else Fraction(1, 2)
    return math.floor(share * (size - side) + Fraction(1, 2))


def reference_views(image: np.ndarray, n: int, ratio: float) -> np.ndarray:
    """All views [n * n, C, H, W] of one image [C, H, W], in float64."""
    _, height, width = image.shape
    tall, wide = (max(1, math.floor(ratio * side + 0.5)) for side in (height, width))
    views = []
    for row in range(n):
        for column in range(n):
            top = reference_offset(row, n, height, tall)
            left = reference_offset(column, n, width, wide)
            views.append(resize(image[:, top : top + tall, left : left + wide], height, width))
    return np.stack(views)


@pytest.mark.parametrize(
    ("size", "side", "stride"), [(32, 20, 3), (64, 40, 6), (128, 80, 12), (224, 140, 21), (256, 160, 24)]
)
def test_the_papers_grid_falls_on_whole_pixels(size: int, side: int, stride: int) -> None:
    assert PAPER.count == 25
    assert PAPER.crop_side(size) == side
    assert PAPER.offsets(size) == tuple(stride * k for k in range(5))


def test_a_single_crop_is_centred() -> None:
    assert ViewGrid(1, 0.5).offsets(32) == (8,)
    assert ViewGrid(1, 0.5).offsets(33) == (8,)  # side 17, 8 px on either side
    assert ViewGrid(1, 1.0).offsets(32) == (0,)


@given(n=st.integers(1, 12), ratio=st.floats(0.001, 1), size=st.integers(1, 300))
def test_crops_span_the_axis_evenly(n: int, ratio: float, size: int) -> None:
    grid = ViewGrid(n, ratio)
    side, offsets = grid.crop_side(size), grid.offsets(size)
    assert 1 <= side <= size
    assert abs(side - ratio * size) <= 0.5 or side == 1
    assert offsets == tuple(reference_offset(k, n, size, side) for k in range(n))
    if n > 1:
        assert (offsets[0], offsets[-1]) == (0, size - side)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 5),
    ratio=st.floats(0.01, 1),
    channels=st.integers(1, 3),
    height=st.integers(1, 14),
    width=st.integers(1, 14),
)
def test_views_against_a_slow_float64_reference(n: int, ratio: float, channels: int, height: int, width: int) -> None:
    images = torch.randn(2, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    views = extract_views(images, ViewGrid(n, ratio))
    assert views.shape == (2, n * n, channels, height, width)
    for image, cut in zip(images, views, strict=True):
        np.testing.assert_allclose(cut, reference_views(image.numpy(), n, ratio), atol=1e-12)


def test_the_papers_views_are_single_crops_bit_for_bit() -> None:
    images = torch.randn(2, 3, 128, 128)
    views = extract_views(images, PAPER)
    assert views.dtype == torch.float32
    for j in range(25):
        top, left = 12 * (j // 5), 12 * (j % 5)
        crop = images[:, :, top : top + 80, left : left + 80]
        single = F.interpolate(crop, size=(128, 128), mode="bilinear", align_corners=False, antialias=False)
        assert torch.equal(views[:, j], single)


def test_chosen_views_are_those_of_the_whole_grid() -> None:
    images = torch.randn(3, 1, 32, 32)
    indices = torch.tensor([[0, 24, 7, 7], [3, 2, 1, 0], [24, 23, 12, 5]])
    chosen = extract_views(images, PAPER, indices)
    whole = extract_views(images, PAPER)
    assert torch.equal(chosen, whole[torch.arange(3)[:, None], indices])


def test_a_view_of_everything_is_the_image() -> None:
    images = torch.randn(2, 3, 17, 31)
    views = extract_views(images, ViewGrid(2, 1.0))
    assert torch.equal(views, images[:, None].expand(-1, 4, -1, -1, -1))


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "5"])
def test_a_bad_n_is_named(n: object) -> None:
    with pytest.raises(ValueError, match=r"views\.n must be a whole number of at least 1, got"):
        ViewGrid(n=n)  # type: ignore[arg-type]


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.01, math.inf, math.nan])
def test_a_bad_ratio_is_named(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"views\.ratio must be above 0 and at most 1, got"):
        ViewGrid(ratio=ratio)


@pytest.mark.parametrize("shape", [(2,), (3, 4), (2, 4, 1)])
def test_indices_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"indices must be \[2, K\] for 2 images"):
        extract_views(torch.zeros(2, 1, 8, 8), PAPER, torch.zeros(shape, dtype=torch.long))
