"""Images of a set as PNG, out of ranges of the stored arrays."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api_schemas.datasets import Normalization
from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError
from service.core.resources import pictures


def shown(array: np.ndarray, index: int, *, applied: bool = False, **statistics: list[float]) -> np.ndarray:
    """The image that is shown where `images.npy` is this array."""
    file = io.BytesIO()
    np.save(file, array)
    content = file.getvalue()
    known = {"mean": None, "std": None} | statistics
    normalization = Normalization(name="made up", applied=applied, reason="", **known)
    dataset: Any = SimpleNamespace(
        id="ds_1",
        blobs={"images.npy": SimpleNamespace(sha256="0" * 64)},
        stats=SimpleNamespace(normalization=normalization),
        measured=SimpleNamespace(normalization=normalization),
    )
    core: Any = SimpleNamespace(
        catalogue=SimpleNamespace(dataset=lambda dataset_id: dataset),
        storage=SimpleNamespace(read_range=lambda key, start, length: content[start : start + length]),
    )
    with Image.open(io.BytesIO(pictures.image_png(core, "ds_1", None, index))) as image:
        return np.asarray(image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_bytes_are_shown_as_they_are(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 4, channels), dtype=np.uint8)
    assert (shown(images, 2) == (images[2, :, :, 0] if channels == 1 else images[2])).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_floats_lose_their_normalization_and_what_is_no_pixel(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 4, channels), dtype=np.uint8)
    mean, std = np.linspace(0.3, 0.5, channels), np.linspace(0.2, 0.3, channels)
    images = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    images[1, 0, 0, 0], images[1, 0, 0, 1] = 1e6, -1e6
    expected = pixels[1].copy()
    expected[0, 0, 0], expected[0, 1, 0] = 255, 0
    found = shown(images, 1, applied=True, mean=mean.tolist(), std=std.tolist())
    assert (found == (expected[:, :, 0] if channels == 1 else expected)).all()


def test_floats_that_carry_no_normalization() -> None:
    images = np.full((1, 3, 2, 2), 0.5, np.float32)
    assert (shown(images, 0, applied=False, mean=[0.1] * 3, std=[0.2] * 3) == 128).all()


def test_an_image_there_is_not() -> None:
    with pytest.raises(ServiceError) as caught:
        shown(np.zeros((2, 2, 2, 3), np.uint8), 2)
    assert caught.value.code is ErrorCode.NOT_FOUND
