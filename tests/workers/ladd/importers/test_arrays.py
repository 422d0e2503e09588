"""Arrays of a file in our layouts."""

import numpy as np
import pytest

from workers.ladd.importers.arrays import as_images, stored_number
from workers.ladd.importers.reading.rejected import ImportRejected

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_number_comes_out_as_the_decimal_it_stands_for(dtype: type[np.floating]) -> None:
    assert stored_number(np.array(0.02, dtype)) == 0.02
    assert stored_number(np.array([0.02], dtype)) == 0.02


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "axes", [(0, 1, 2, 3), (0, 3, 1, 2), (1, 2, 3, 0)], ids=["channels last", "channels first", "SVHN"]
)
def test_the_axis_of_one_or_three_is_the_channels(
    dtype: type[np.generic], count: int, channels: int, axes: tuple[int, ...]
) -> None:
    images = PIXELS[:count, :, :, :channels].astype(dtype)
    expected = images if dtype == np.uint8 else images.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(as_images(images.transpose(axes), "a"), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(4, 3, 8, 3), (4, 8, 8, 4), (9, 8, 3, 4), (4, 8), (2, 4, 3, 8, 8)], ids=str)
def test_axes_of_no_or_two_meanings_are_refused_with_the_layouts(
    dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ImportRejected) as caught:
        as_images(np.zeros(shape, dtype), "a")
    [reason] = caught.value.reasons
    assert (reason.rule, reason.value) == ("image_layout", str(shape))
    assert "[n, H, W, C], [n, C, H, W]" in reason.message


@pytest.mark.parametrize(("dtype", "send"), [(np.int64, "as uint8"), (np.complex64, "as float32")])
def test_other_types_are_refused_with_the_one_to_send(dtype: type[np.generic], send: str) -> None:
    with pytest.raises(ImportRejected) as caught:
        as_images(np.zeros((2, 8, 8, 3), dtype), "a")
    [reason] = caught.value.reasons
    assert reason.rule == "image_dtype"
    assert send in reason.message
