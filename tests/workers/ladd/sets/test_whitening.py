"""ZCA: fitted, applied, undone, stored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from workers.ladd.sets.whitening import EPSILON, MOST_VALUES, Whitening, fit_whitening

PIXELS = np.random.default_rng(5).integers(0, 256, (300, 4, 4, 3), dtype=np.uint8)


def on_unit_scale(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1) / 255


def test_it_is_the_transform_of_the_singular_values_of_the_covariance() -> None:
    """A transcription of kornia's `ZCAWhitening` (unbiased covariance, svd, rsqrt of S + eps) in float64."""
    rows = on_unit_scale(PIXELS)
    centred = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centred.T @ centred / (len(rows) - 1))
    expected = centred @ (u / np.sqrt(s + EPSILON)) @ u.T
    whitened = fit_whitening(PIXELS).whiten_pixels(PIXELS)
    assert whitened.shape == (300, 3, 4, 4)
    np.testing.assert_allclose(whitened.flatten(1).numpy(), expected, atol=2e-5)


def test_without_epsilon_s_part_the_whitened_values_would_have_unit_covariance() -> None:
    whitening = fit_whitening(PIXELS)
    eigenvalues = whitening.scale.double() ** -2 - EPSILON
    covariance = torch.cov(whitening.whiten_pixels(PIXELS).flatten(1).double().T)
    expected = eigenvalues / (eigenvalues + EPSILON)
    torch.testing.assert_close(torch.linalg.eigvalsh(covariance), expected.sort().values, atol=1e-4, rtol=1e-3)


def test_unwhitening_gives_back_also_what_is_no_pixel() -> None:
    whitening = fit_whitening(PIXELS)
    images = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(whitening.unwhiten(whitening.whiten(images)), images, atol=1e-5, rtol=1e-5)


def test_fewer_images_than_values_can_be_fitted_to() -> None:
    whitened = fit_whitening(PIXELS[:10]).whiten_pixels(PIXELS)
    assert torch.isfinite(whitened).all()


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    whitening = fit_whitening(PIXELS)
    whitening.save(tmp_path / "zca.safetensors")
    loaded = Whitening.load(tmp_path / "zca.safetensors")
    assert torch.equal(loaded.whiten_pixels(PIXELS), whitening.whiten_pixels(PIXELS))


@pytest.mark.parametrize("shape", [(2, 64, 64, 3), (1, 4, 4, 3)])
def test_what_cannot_be_fitted_to_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"at most {MOST_VALUES}"):
        fit_whitening(np.zeros(shape, dtype=np.uint8))
