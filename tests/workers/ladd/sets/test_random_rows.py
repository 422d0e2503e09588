"""Real images are picked at random, per class and by the seed."""

import numpy as np
import pytest

from workers.ladd.sets.random_rows import pick_random_rows

LABELS = np.arange(300) % 3
COUNTS = np.array([4, 0, 7])


def test_every_class_has_its_count_of_distinct_images() -> None:
    rows = pick_random_rows(LABELS, COUNTS, seed=0)
    assert LABELS[rows].tolist() == [0] * 4 + [2] * 7
    assert len(set(rows.tolist())) == 11


def test_the_seed_alone_decides() -> None:
    rows = pick_random_rows(LABELS, COUNTS, seed=0)
    assert np.array_equal(rows, pick_random_rows(LABELS, COUNTS, seed=0))
    assert not np.array_equal(rows, pick_random_rows(LABELS, COUNTS, seed=1))
    # More of one class leave the others, and those that there were, as they are.
    more = pick_random_rows(LABELS, np.array([5, 0, 7]), seed=0)
    assert np.array_equal(np.delete(more, 4), rows)


def test_images_come_from_the_whole_split() -> None:
    drawn = np.concatenate([pick_random_rows(LABELS, COUNTS, seed) for seed in range(40)])
    assert len(set(drawn[LABELS[drawn] == 2].tolist())) > 80


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(ValueError, match="class 2 has 100; got 101"):
        pick_random_rows(LABELS, np.array([1, 1, 101]), seed=0)
