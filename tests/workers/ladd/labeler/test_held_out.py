"""The images that a labeler's training leaves out."""

import numpy as np
import pytest

from method.labeler import held_out_count
from workers.ladd.labeler.held_out import split_held_out

LABELS = np.array([0] * 20 + [1] * 5 + [2] * 1)


def test_a_part_of_every_class_is_held_out() -> None:
    trained, held_out = split_held_out(LABELS, 0.1, seed=3)
    assert np.bincount(LABELS[held_out], minlength=3).tolist() == [2, 1, 0]
    assert sorted([*trained, *held_out]) == list(range(len(LABELS)))
    assert (trained == np.sort(trained)).all()
    assert (held_out == np.sort(held_out)).all()


def test_the_split_is_a_function_of_its_arguments() -> None:
    assert split_held_out(LABELS, 0.3, 3)[1].tolist() == split_held_out(LABELS, 0.3, 3)[1].tolist()
    assert split_held_out(LABELS, 0.3, 3)[1].tolist() != split_held_out(LABELS, 0.3, 4)[1].tolist()


def test_nothing_is_held_out_by_default() -> None:
    trained, held_out = split_held_out(LABELS, 0.0, seed=0)
    assert (trained.tolist(), held_out.tolist()) == (list(range(26)), [])


@pytest.mark.parametrize(
    ("images", "fraction", "count"), [(5, 0.1, 1), (4, 0.1, 1), (40, 0.01, 1), (1, 0.5, 0), (9, 0, 0), (3, 0.5, 2)]
)
def test_half_is_rounded_up_one_image_is_held_out_and_one_stays(images: int, fraction: float, count: int) -> None:
    assert held_out_count(images, fraction) == count
