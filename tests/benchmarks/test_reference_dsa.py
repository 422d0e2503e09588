"""The field's augmentation against ours: the same numbers drawn, in the order of the public code, the same pixels."""

from collections.abc import Callable

import numpy as np
import pytest
import reference_dsa
import torch
from torch import Tensor

from workers.ladd.engine.dsa import Draw, apply_dsa

ROWS, SIZE = 6, 20
Parameters = Callable[[], dict[str, Tensor]]


def color() -> dict[str, Tensor]:
    brightness, saturation, contrast = (torch.rand(ROWS, 1, 1, 1).flatten() for _ in range(3))
    return {"brightness": brightness - 0.5, "saturation": saturation * 2, "contrast": contrast + 0.5}


def crop() -> dict[str, Tensor]:
    # An eighth of 20 px, rounded: 3.
    return {name: torch.randint(-3, 4, (ROWS, 1, 1)).flatten() for name in ("down", "right")}


def cutout() -> dict[str, Tensor]:
    parameters: dict[str, Tensor] = {}
    for first, last in (("top", "bottom"), ("left", "right")):
        start = torch.randint(0, SIZE + 1, (ROWS, 1, 1)).flatten() - 5
        parameters |= {first: start.clamp(min=0), last: (start + 10).clamp(max=SIZE)}
    return parameters


def flip() -> dict[str, Tensor]:
    return {"flip": torch.rand(ROWS, 1, 1, 1).flatten() < 0.5}


def scale() -> dict[str, Tensor]:
    along = [torch.rand(ROWS) * (1.2 - 1 / 1.2) + 1 / 1.2 for _ in "xy"]
    return {"matrix": torch.stack(along, dim=1).diag_embed()}


def rotate() -> dict[str, Tensor]:
    angle = (torch.rand(ROWS) - 0.5) * 2 * 15 / 180 * torch.pi
    return {"matrix": torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), dim=1).reshape(ROWS, 2, 2)}


DRAWS: dict[str, Parameters] = {draw.__name__: draw for draw in (color, crop, cutout, flip, scale, rotate)}


def seeded(images: Tensor, family: str, seed: int) -> Tensor:
    """The field's result under a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return reference_dsa.augment(images, family)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", DRAWS)
def test_equal_numbers_give_the_pixels_that_our_augmentation_gives(family: str, seed: int) -> None:
    images = torch.randn(ROWS, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    theirs = seeded(images, family, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parameters = DRAWS[family]()
    ours = apply_dsa(images, Draw(family, parameters))
    assert not torch.equal(ours, images)
    moves_pixels = family in ("crop", "cutout", "flip")
    torch.testing.assert_close(theirs, ours, atol=0 if moves_pixels else 1e-5, rtol=0)


def test_a_batch_gets_one_of_the_named_families() -> None:
    images = torch.randn(ROWS, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    state = np.random.get_state()
    seen = set()
    for seed in range(40):
        np.random.seed(seed)
        result = seeded(images, "crop_flip_rotate", seed)
        matching = [family for family in DRAWS if torch.equal(result, seeded(images, family, seed))]
        assert len(matching) == 1
        seen |= set(matching)
    np.random.set_state(state)
    assert seen == {"crop", "flip", "rotate"}


def test_none_leaves_the_images_alone() -> None:
    images = torch.randn(ROWS, 3, SIZE, SIZE)
    assert reference_dsa.augment(images, "none") is images
