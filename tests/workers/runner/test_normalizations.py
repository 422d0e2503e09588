"""What networks see of a set, by the rule of its task."""

from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.datasets import Normalization
from method.normalizations import NORMALIZATIONS
from workers.ladd.engine.normalization import network_input
from workers.runner.normalizations import network_images

GLAD, IMAGENET, SVHN = (
    {"mean": list(NORMALIZATIONS[name].mean), "std": list(NORMALIZATIONS[name].std)}
    for name in ("glad_wp", "imagenet", "svhn")
)
AS_PUBLISHED = {"test_normalization": "as_published"}
DECODED = Normalization(name="glad_wp", **GLAD, applied=True, reason="")
PIXELS = Normalization(name="glad_wp", **GLAD, applied=False, reason="")


@pytest.fixture
def stored() -> Any:
    return np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)


def seen(stored: Any, network: dict[str, list[float]], params: dict[str, Any], told: Normalization = DECODED) -> Any:
    return network_images(stored, told, network["mean"], network["std"], params).numpy()


def test_what_is_normalised_is_fed_as_it_is_stored(stored: Any) -> None:
    """To the networks of an evaluation, and to a labeler with the same statistics."""
    np.testing.assert_array_equal(seen(stored, IMAGENET, IMAGENET | AS_PUBLISHED), stored)
    # A labeler that was trained for the set itself.
    np.testing.assert_array_equal(seen(stored, GLAD, IMAGENET | AS_PUBLISHED), stored)


def test_a_labeler_with_statistics_of_its_own_gets_the_same_images_in_them(stored: Any) -> None:
    pixels = stored * np.array(IMAGENET["std"])[:, None, None] + np.array(IMAGENET["mean"])[:, None, None]
    expected = (pixels - np.array(SVHN["mean"])[:, None, None]) / np.array(SVHN["std"])[:, None, None]
    np.testing.assert_allclose(seen(stored, SVHN, IMAGENET | AS_PUBLISHED), expected, atol=1e-5)


@pytest.mark.parametrize("rule", [{}, {"test_normalization": "carried"}])
def test_a_task_without_the_rule_converts_what_the_set_carries(stored: Any, rule: dict[str, Any]) -> None:
    np.testing.assert_array_equal(seen(stored, GLAD, GLAD | rule), stored)
    shift = (np.array(GLAD["mean"]) - IMAGENET["mean"]) / IMAGENET["std"]
    np.testing.assert_allclose(seen(stored, IMAGENET, GLAD | rule), stored + shift[:, None, None], atol=1e-5)


def test_pixels_are_normalised_as_test_images_are(stored: Any) -> None:
    pixels = np.full((1, 4, 4, 3), 128, np.uint8)
    expected = (128 / 255 - np.array(IMAGENET["mean"])) / IMAGENET["std"]
    found = seen(pixels, IMAGENET, IMAGENET | AS_PUBLISHED, PIXELS)
    np.testing.assert_allclose(found[0, :, 0, 0], expected, atol=1e-6)


def test_test_images_shift_by_the_difference_of_the_means() -> None:
    """GLaD's decoded images carry the mean of SVHN, its test images ImageNet's: in standard deviations."""
    image = torch.full((1, 2, 2, 3), 100, dtype=torch.uint8)
    carried, published = (network_input(image, each["mean"], each["std"]) for each in (GLAD, IMAGENET))
    shift = (carried - published).mean(dim=(0, 2, 3))
    assert [round(value, 3) for value in shift.tolist()] == [0.207, 0.054, -0.297]
