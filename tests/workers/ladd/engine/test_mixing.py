"""CutMix and mixup: by hand, and the laws of what is drawn."""

import pytest
import torch

from workers.ladd.engine.dsa import Draw
from workers.ladd.engine.mixing import draw_mix, mix_images, mix_targets

IMAGES = torch.stack([torch.full((1, 4, 4), float(value)) for value in (1, 2)])
LABELS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])


def by_rows(**parameters: int | float) -> Draw:
    return Draw(
        "cutmix" if "top" in parameters else "mixup",
        {name: torch.full((2,), value) for name, value in parameters.items()},
    )


def test_cutmix_by_hand() -> None:
    # A rectangle of 2 x 3 pixels in 16: the partner has 6/16 of image and label.
    draw = by_rows(top=1, bottom=3, left=0, right=3, share=10 / 16)
    mixed = mix_images(IMAGES, IMAGES.flip(0), draw)
    assert mixed[0, 0].tolist() == [[1, 1, 1, 1], [2, 2, 2, 1], [2, 2, 2, 1], [1, 1, 1, 1]]
    assert mixed[1, 0].tolist() == [[2, 2, 2, 2], [1, 1, 1, 2], [1, 1, 1, 2], [2, 2, 2, 2]]
    assert mix_targets(LABELS, LABELS.flip(0), draw).tolist() == [
        [0.625, 0.09375, 0.28125],
        [0.375, 0.15625, 0.46875],
    ]


def test_mixup_by_hand() -> None:
    draw = by_rows(share=0.75)
    assert mix_images(IMAGES, IMAGES.flip(0), draw)[:, 0, 0, 0].tolist() == [1.25, 1.75]
    assert mix_targets(LABELS, LABELS.flip(0), draw).tolist() == [[0.75, 0.0625, 0.1875], [0.25, 0.1875, 0.5625]]


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_a_partner_is_of_the_same_kind_and_every_row_is_one(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        draw = draw_mix(name, 3, 8, (32, 32), generator)
        partner = draw.parameters["partner"]
        assert sorted(partner[:3].tolist()) == [0, 1, 2]
        assert sorted(partner[3:].tolist()) == [3, 4, 5, 6, 7]
        assert len(set(draw.parameters["share"].tolist())) == 1


def test_the_share_of_cutmix_is_what_the_rectangle_leaves() -> None:
    generator = torch.Generator().manual_seed(1)
    shares = []
    for _ in range(300):
        drawn = {
            name: values[0].item() for name, values in draw_mix("cutmix", 2, 2, (32, 24), generator).parameters.items()
        }
        area = (drawn["bottom"] - drawn["top"]) * (drawn["right"] - drawn["left"])
        assert drawn["share"] == pytest.approx(1 - area / (32 * 24), abs=1e-6)
        assert 0 <= drawn["top"] <= drawn["bottom"] <= 32
        assert 0 <= drawn["left"] <= drawn["right"] <= 24
        shares.append(drawn["share"])
    # Of a rectangle whose share is uniform a part lies outside the image.
    assert 0.6 < sum(shares) / 300 < 0.75


def test_the_share_of_mixup_is_beta_distributed() -> None:
    generator = torch.Generator().manual_seed(2)
    shares = torch.tensor([draw_mix("mixup", 1, 1, (8, 8), generator).parameters["share"].item() for _ in range(4000)])
    # Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
    assert shares.var().item() == pytest.approx(1 / (4 * 2.6), rel=0.05)


def test_no_mixture_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    assert draw_mix("none", 1, 2, (8, 8), generator).tensors == []
    assert torch.equal(generator.get_state(), before)
