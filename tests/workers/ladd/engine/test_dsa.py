"""DSA: each family against a slow reference, and the draws."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from method.augmentation import STRATEGY, parse_strategy
from workers.ladd.engine.dsa import Draw, apply_dsa, draw_dsa

FAMILIES = ("color", "crop", "cutout", "flip", "scale", "rotate")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=generator(seed))


def bilinear_at(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Value [C] at the pixel position (x, y), zero outside, from the formula of bilinear interpolation."""
    channels, height, width = image.shape
    value = np.zeros(channels)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                value += image[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return value


def reference(image: np.ndarray, family: str, p: dict[str, np.ndarray]) -> np.ndarray:
    """One augmented image [C, H, W] in float64, pixel by pixel."""
    channels, height, width = image.shape
    result = np.zeros_like(image)
    if family == "color":
        image = image + p["brightness"]
        for row in range(height):
            for column in range(width):
                mean = sum(image[:, row, column]) / channels
                result[:, row, column] = (image[:, row, column] - mean) * p["saturation"] + mean
        result[:] = (result - result.mean()) * p["contrast"] + result.mean()
        return result
    for row in range(height):
        for column in range(width):
            if family == "crop":
                source = row + int(p["down"]), column + int(p["right"])
                if 0 <= source[0] < height and 0 <= source[1] < width:
                    result[:, row, column] = image[:, source[0], source[1]]
            elif family == "cutout":
                if not (p["top"] <= row < p["bottom"] and p["left"] <= column < p["right"]):
                    result[:, row, column] = image[:, row, column]
            elif family == "flip":
                result[:, row, column] = image[:, row, width - 1 - column if p["flip"] else column]
            else:
                x, y = 2 * column / (width - 1) - 1, 2 * row / (height - 1) - 1
                x, y = p["matrix"].astype(np.float64) @ (x, y)
                result[:, row, column] = bilinear_at(image, (x + 1) / 2 * (width - 1), (y + 1) / 2 * (height - 1))
    return result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_against_a_slow_reference(family: str, channels: int) -> None:
    images = random_images(6, channels, 13, 10, dtype=torch.float64)
    draw = draw_dsa(6, (13, 10), generator(5), family)
    augmented = apply_dsa(images, draw)
    assert augmented.shape == images.shape
    for row, image in enumerate(images):
        parameters = {name: values[row].numpy() for name, values in draw.parameters.items()}
        np.testing.assert_allclose(augmented[row], reference(image.numpy(), family, parameters), atol=1e-11)


def test_one_family_is_drawn_per_call_each_with_the_same_probability() -> None:
    source = generator(1)
    counts = Counter(draw_dsa(1, (8, 8), source).family for _ in range(3000))
    assert set(counts) == set(FAMILIES)
    # 500 expected, standard deviation sqrt(3000 * 1/6 * 5/6) = 20.4
    assert all(abs(count - 500) < 4 * 20.4 for count in counts.values())


def test_only_the_families_of_the_strategy_are_drawn() -> None:
    source = generator(2)
    drawn = {draw_dsa(1, (8, 8), source, "color_crop_cutout_scale_rotate").family for _ in range(200)}
    assert drawn == set(FAMILIES) - {"flip"}


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_drawn_for_each_row(family: str) -> None:
    draw = draw_dsa(64, (128, 128), generator(3), family)
    for name, values in draw.parameters.items():
        assert len(values) == 64, name
        assert not torch.equal(values, values[:1].expand_as(values)), name


@pytest.mark.parametrize(("size", "shift"), [(128, 16), (32, 4), (28, 4), (20, 3)])
def test_crop_shifts_by_every_whole_number_up_to_an_eighth(size: int, shift: int) -> None:
    draw = draw_dsa(4000, (size, size), generator(4), "crop")
    for values in draw.parameters.values():
        assert set(values.tolist()) == set(range(-shift, shift + 1))


@pytest.mark.parametrize(("size", "side", "places"), [(128, 64, 129), (32, 16, 33), (9, 5, 9)])
def test_cutout_is_a_square_of_half_the_side_clipped_at_the_borders(size: int, side: int, places: int) -> None:
    parameters = draw_dsa(6000, (size, size), generator(5), "cutout").parameters
    for first, last in (("top", "bottom"), ("left", "right")):
        spans = set(zip(parameters[first].tolist(), parameters[last].tolist(), strict=True))
        assert spans == {(max(centre - side // 2, 0), min(centre - side // 2 + side, size)) for centre in range(places)}


def test_the_ranges_of_the_continuous_parameters() -> None:
    def check(values: Tensor, low: float, high: float) -> None:
        """Uniform on [low, high]: the ends are reached and the mean lies in the middle."""
        width = high - low
        assert low - 1e-6 <= float(values.min()) < low + 0.01 * width
        assert high - 0.01 * width < float(values.max()) <= high + 1e-6
        assert abs(float(values.mean()) - (low + high) / 2) < 0.03 * width

    color = draw_dsa(4000, (8, 8), generator(6), "color").parameters
    check(color["brightness"], -0.5, 0.5)
    check(color["saturation"], 0.0, 2.0)
    check(color["contrast"], 0.5, 1.5)
    scale = draw_dsa(4000, (8, 8), generator(7), "scale").parameters["matrix"]
    check(scale[:, 0, 0], 1 / 1.2, 1.2)
    check(scale[:, 1, 1], 1 / 1.2, 1.2)
    assert torch.equal(scale, scale.diagonal(dim1=1, dim2=2).diag_embed())
    assert abs(float(torch.corrcoef(scale.diagonal(dim1=1, dim2=2).T)[0, 1])) < 0.1
    rotate = draw_dsa(4000, (8, 8), generator(8), "rotate").parameters["matrix"]
    check(torch.atan2(rotate[:, 1, 0], rotate[:, 0, 0]).rad2deg(), -15, 15)
    torch.testing.assert_close(rotate @ rotate.mT, torch.eye(2).expand_as(rotate))
    flips = draw_dsa(4000, (8, 8), generator(9), "flip").parameters["flip"]
    assert abs(flips.float().mean() - 0.5) < 0.05


@settings(max_examples=120, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    rows=st.integers(2, 9),
    channels=st.integers(1, 4),
    height=st.integers(5, 40),
    width=st.integers(5, 40),
    data=st.data(),
)
def test_slices_of_the_draw_give_the_bits_of_the_whole_batch(
    family: str, rows: int, channels: int, height: int, width: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, rows - 1))
    part = slice(start, data.draw(st.integers(start + 1, rows)))
    images = random_images(rows, channels, height, width)
    draw = draw_dsa(rows, (height, width), generator(rows), family)
    whole = apply_dsa(images, draw)
    assert torch.equal(apply_dsa(images[part], draw.rows(part)), whole[part])
    order = torch.randperm(rows, generator=generator(1))
    assert torch.equal(apply_dsa(images[order], draw.rows(order)), whole[order])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_single_large_rows_give_the_bits_of_the_whole_batch_on_two_threads(family: str, channels: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        images = random_images(3, channels, 224, 224)
        draw = draw_dsa(3, (224, 224), generator(), family)
        whole = apply_dsa(images, draw)
        for row in range(3):
            one = slice(row, row + 1)
            assert torch.equal(apply_dsa(images[one], draw.rows(one)), whole[one])
    finally:
        torch.set_num_threads(threads)


def test_repeat_gives_every_image_the_first_rows_parameters() -> None:
    image = random_images(1, 3, 16, 16)
    draw = draw_dsa(2, (16, 16), generator(), "rotate")
    augmented = apply_dsa(image.expand(4, -1, -1, -1), draw.repeat(4))
    assert torch.equal(augmented, apply_dsa(image, draw.rows(slice(1))).expand(4, -1, -1, -1))


def test_the_generator_decides_and_the_global_one_is_left_alone() -> None:
    state = torch.get_rng_state()
    source, again = generator(11), generator(11)
    for _ in range(20):
        first, second = draw_dsa(5, (32, 32), source), draw_dsa(5, (32, 32), again)
        assert first.family == second.family
        assert first.parameters.keys() == second.parameters.keys()
        assert all(torch.equal(first.parameters[name], second.parameters[name]) for name in first.parameters)
        apply_dsa(random_images(5, 3, 32, 32), first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("family", FAMILIES)
def test_differentiable_in_the_images(family: str) -> None:
    images = random_images(2, 2, 6, 5, dtype=torch.float64).requires_grad_()
    draw = draw_dsa(2, (6, 5), generator(), family)
    assert torch.autograd.gradcheck(lambda x: apply_dsa(x, draw), images)


def test_none_is_the_identity() -> None:
    images = random_images(3, 3, 8, 8)
    draw = draw_dsa(3, (8, 8), generator(), "none")
    assert draw == Draw("none", {})
    assert apply_dsa(images, draw) is images
    assert draw.rows(slice(1)) == draw


def test_strategies_are_parsed_and_unknown_parts_named() -> None:
    assert parse_strategy(STRATEGY) == FAMILIES
    assert parse_strategy("none") == ("none",)
    with pytest.raises(ValueError, match=r"'color_blur'.*'blur'"):
        parse_strategy("color_blur")
    with pytest.raises(ValueError, match="'none'"):
        draw_dsa(1, (8, 8), generator(), "flip_none")
    with pytest.raises(ValueError, match="''"):
        draw_dsa(1, (8, 8), generator(), "")


def test_a_draw_of_another_length_is_refused() -> None:
    draw = draw_dsa(4, (8, 8), generator(), "flip")
    with pytest.raises(ValueError, match="flip of the draw has 4 rows for 3 images"):
        apply_dsa(random_images(3, 1, 8, 8), draw)
