"""Random resized crops: their pixels against a slice that torch resizes, their law against torchvision's."""

import pytest
import torch
import torch.nn.functional as F

from workers.ladd.engine.dsa import apply_dsa, draw_dsa
from workers.ladd.engine.resized_crop import apply_resized_crop, draw_resized_crop
from workers.ladd.models.torchvision_import import import_torchvision


def test_a_crop_is_a_slice_that_is_resized_and_flipped() -> None:
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(40, 3, 24, 24, generator=draws, dtype=torch.float64)
    parameters = draw_resized_crop(40, (24, 24), draws, 0.08)
    found = apply_resized_crop(images, parameters)
    assert set(parameters["flip"].tolist()) == {False, True}
    for row, image in enumerate(images):
        top, left, height, width = (int(parameters[name][row]) for name in ("top", "left", "height", "width"))
        crop = image[None, :, top : top + height, left : left + width]
        expected = F.interpolate(crop, size=(24, 24), mode="bilinear", align_corners=False)[0]
        if parameters["flip"][row]:
            expected = expected.flip(2)
        # Places of pixels are float32.
        torch.testing.assert_close(found[row], expected, rtol=0, atol=3e-5)


@pytest.mark.parametrize("smallest_area", [0.08, 0.5])
def test_crops_have_the_law_of_torchvisions(smallest_area: float) -> None:
    transforms = import_torchvision("torchvision.transforms")
    crop = transforms.RandomResizedCrop(32, scale=(smallest_area, 1.0))
    image = torch.zeros(3, 32, 32)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        boxes = [crop.get_params(image, crop.scale, crop.ratio) for _ in range(3000)]
    expected = torch.tensor(boxes, dtype=torch.float32)
    parameters = draw_resized_crop(3000, (32, 32), torch.Generator().manual_seed(1), smallest_area)
    found = torch.stack([parameters[name] for name in ("top", "left", "height", "width")], dim=1).float()
    areas = [boxes[:, 2:].prod(dim=1, keepdim=True) for boxes in (found, expected)]
    for ours, theirs in ((found, expected), areas):
        error = theirs.std(dim=0) * (2 / 3000) ** 0.5
        assert ((ours.mean(dim=0) - theirs.mean(dim=0)).abs() < 4 * error).all()
    assert (found[:, 0] + found[:, 2]).max() <= 32
    assert (found[:, 1] + found[:, 3]).max() <= 32
    assert parameters["flip"].float().mean() == pytest.approx(0.5, abs=0.04)


def test_rows_alone_have_the_bits_that_they_have_together() -> None:
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    draw = draw_dsa(6, (16, 16), torch.Generator().manual_seed(3), "resized_crop:0.5")
    whole = apply_dsa(images, draw)
    for part in (slice(1, 2), slice(2, 6)):
        assert torch.equal(apply_dsa(images[part], draw.rows(part)), whole[part])
    assert torch.equal(
        draw_dsa(6, (16, 16), torch.Generator(), "resized_crop:1").parameters["top"], torch.zeros(6).long()
    )
