"""One bit for each test image, packed as text and back."""

import numpy as np
import pytest

from workers.ladd.evaluation.answers import pack_answers, unpack_answers


@pytest.mark.parametrize("images", [1, 8, 13])
def test_what_was_packed_comes_back(images: int) -> None:
    right = np.random.default_rng(images).random(images) < 0.5
    assert np.array_equal(unpack_answers(pack_answers(right), images), right)


def test_the_first_image_is_the_highest_bit() -> None:
    assert pack_answers(np.array([True, False, False])) == "gA=="


def test_answers_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="answers must be of 17 images; got 2 bytes"):
        unpack_answers(pack_answers(np.ones(16, dtype=bool)), 17)
