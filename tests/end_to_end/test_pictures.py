"""Pictures of sets, as a browser asks for them."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from api_schemas.datasets import Dataset
from method.normalizations import NORMALIZATIONS
from stack.running import Stack
from workers.ladd.engine.normalization import to_pixels

IMAGES = Path(__file__).parents[2] / "examples" / "fashion_mnist_dm_ipc10" / "images_best.pt"


@pytest.fixture
def browser(stack_up: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack_up.url, follow_redirects=True) as client:
        yield client


def picture(answer: httpx.Response) -> np.ndarray:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image)


def test_an_image_of_a_normalized_set_is_shown_as_pixels(browser: httpx.Client, distilled: Dataset) -> None:
    images = torch.load(IMAGES, weights_only=True)
    expected = to_pixels(images[37:38], *NORMALIZATIONS["fashion_mnist"])[0, :, :, 0].numpy()
    found = picture(browser.get(f"/v1/datasets/{distilled.id}/images/37.png"))
    assert np.abs(found.astype(int) - expected).max() <= 1
    preview = picture(browser.get(f"/v1/datasets/{distilled.id}/preview.png"))
    # Class 3, image 7: ten lines and columns of 32 px, three times as large, with 4 px between and 16 px for the name.
    line, column = 4 + 3 * 116 + 16, 4 + 7 * 100
    assert np.abs(preview[line : line + 96 : 3, column : column + 96 : 3, 0].astype(int) - found).max() <= 1


def test_images_of_both_splits_of_a_source_set(browser: httpx.Client, source: Dataset) -> None:
    train = picture(browser.get(f"/v1/datasets/{source.id}/images/0.png"))
    val = picture(browser.get(f"/v1/datasets/{source.id}/images/0.png", params={"split": "val"}))
    assert train.shape == val.shape == (32, 32)
    assert (train != val).any()


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("images/100.png", 404, "not_found"),
        ("images/0.png?split=val", 404, "not_found"),
        ("images/-1.png", 404, "not_found"),
        ("images/0.png?split=test", 422, "invalid_request"),
    ],
)
def test_images_that_there_are_not(
    browser: httpx.Client, distilled: Dataset, address: str, status: int, code: str
) -> None:
    answer = browser.get(f"/v1/datasets/{distilled.id}/{address}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
