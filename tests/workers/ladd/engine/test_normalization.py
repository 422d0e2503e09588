"""The way from pixels to network inputs, against torchvision's, and back."""

import pytest
import torch

from method.normalizations import NORMALIZATIONS
from workers.ladd.engine.normalization import normalize, normalized_range, to_pixels
from workers.ladd.models.torchvision_import import import_torchvision

GENERATOR = torch.Generator().manual_seed(0)
PIXELS = torch.randint(0, 256, (5, 8, 8, 3), generator=GENERATOR, dtype=torch.uint8)


def test_normalize_is_torchvisions_to_tensor_and_normalize_to_the_last_bit() -> None:
    transforms = import_torchvision("torchvision.transforms.functional")
    mean, std = NORMALIZATIONS["imagenet"]
    expected = torch.stack([transforms.normalize(transforms.to_tensor(image.numpy()), mean, std) for image in PIXELS])
    assert torch.equal(normalize(PIXELS, mean, std), expected)


def test_normalize_leaves_the_pixels_alone() -> None:
    before = PIXELS.clone()
    result = normalize(PIXELS, *NORMALIZATIONS["cifar10"])
    assert torch.equal(PIXELS, before)
    assert result.dtype == torch.float32
    assert result.is_contiguous()


def test_one_channel() -> None:
    normalized = normalize(PIXELS[..., :1], *NORMALIZATIONS["mnist"])
    assert normalized.shape == (5, 1, 8, 8)
    assert normalized[0, 0, 0, 0].item() == pytest.approx((PIXELS[0, 0, 0, 0].item() / 255 - 0.1307) / 0.3081)


def test_another_number_of_channels_is_an_error() -> None:
    with pytest.raises(ValueError, match="normalization has 1 channels, images have 3"):
        normalize(PIXELS, *NORMALIZATIONS["mnist"])


@pytest.mark.parametrize("name", [name for name, (mean, _) in NORMALIZATIONS.items() if len(mean) == 3])
def test_pixels_survive_every_normalization(name: str) -> None:
    mean, std = NORMALIZATIONS[name]
    assert torch.equal(to_pixels(normalize(PIXELS, mean, std), mean, std), PIXELS)


def test_values_beyond_white_are_clipped() -> None:
    images = torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5]).reshape(1, 1, 1, 5)
    assert to_pixels(images, None, None).flatten().tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_black_and_white_span_the_normalised_range(name: str) -> None:
    mean, std = NORMALIZATIONS[name]
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 1, 1, len(mean))
    expected = normalize(black_and_white, mean, std).flatten(1).T
    torch.testing.assert_close(torch.tensor(normalized_range(mean, std)), expected)


def test_every_normalization_has_a_mean_and_a_std_per_channel() -> None:
    for mean, std in NORMALIZATIONS.values():
        assert len(mean) == len(std)
        assert min(std) > 0
