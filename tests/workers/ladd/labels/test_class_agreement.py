"""The permutation check names another order of classes where there is one, and none where there is none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.ladd.labels.class_agreement import compare_classes, permutation_warning

NAMES = [f"class {label}" for label in range(10)]
WOOF = [8, 0, 1, 9, 2, 3, 4, 5, 6, 7]
"""An order of ten classes in which none keeps its place, as between MTT's ImageWoof and an ImageFolder's."""


def answers(labels: NDArray[np.int64], accuracy: float, seed: int, num_classes: int = 10) -> NDArray[np.float32]:
    """Probabilities of a labeler that is right about a part of the images, and else says any class."""
    draws = np.random.default_rng(seed)
    said = np.where(draws.random(len(labels)) < accuracy, labels, draws.integers(0, num_classes, len(labels)))
    return np.eye(num_classes, dtype=np.float32)[said] * np.float32(0.9) + np.float32(0.1 / num_classes)


def labels_of(per_class: int, num_classes: int = 10) -> NDArray[np.int64]:
    return np.repeat(np.arange(num_classes), per_class)


@pytest.mark.parametrize(("per_class", "accuracy"), [(10, 0.5), (10, 0.9), (50, 0.3)])
def test_another_order_is_found(per_class: int, accuracy: float) -> None:
    labels = labels_of(per_class)
    meant = np.array(WOOF)[labels]
    found = compare_classes(answers(meant, accuracy, seed=1), labels)
    assert found.permutation == WOOF
    assert found.permuted_agreement is not None
    assert found.permuted_agreement > 3 * found.agreement
    warning = permutation_warning(found, NAMES, "the uploaded labels", "say so")
    assert warning is not None
    assert str(WOOF) in warning
    assert "0 (class 0) as 8 (class 8)" in warning
    assert warning.endswith("if that is so, say so")


def test_two_swapped_classes_are_found() -> None:
    labels = labels_of(10)
    swapped = [0, 1, 3, 2, *range(4, 10)]
    found = compare_classes(answers(np.array(swapped)[labels], 0.8, seed=2), labels)
    assert found.permutation == swapped


def test_with_one_image_a_class_no_order_can_be_told_from_another() -> None:
    labels = labels_of(1)
    found = compare_classes(answers(np.array(WOOF)[labels], 1.0, seed=0), labels)
    assert (found.agreement, found.permutation) == (0.0, None)


@pytest.mark.parametrize("per_class", [1, 10, 50])
@pytest.mark.parametrize("accuracy", [0.0, 0.2, 0.5, 0.9])
def test_labels_in_the_right_order_raise_no_alarm(per_class: int, accuracy: float) -> None:
    labels = labels_of(per_class)
    alarms = [
        seed for seed in range(20) if compare_classes(answers(labels, accuracy, seed), labels).permutation is not None
    ]
    # By chance a labeler that knows nothing offers a better order once in 200 times.
    assert len(alarms) <= 1


def test_a_weak_labeler_that_mixes_up_two_classes_is_no_sign_of_another_order() -> None:
    labels = labels_of(10)
    said = labels.copy()
    said[:6], said[10:16] = 1, 0  # of the first two classes, 6 in 10 are taken for the other and 4 are right
    found = compare_classes(np.eye(10, dtype=np.float32)[said], labels)
    assert found.permutation is None
    assert found.agreement == pytest.approx(88)
    assert permutation_warning(found, NAMES, "the uploaded labels", "say so") is None


def test_agreement_is_that_of_the_mean_over_the_views() -> None:
    views = np.zeros((4, 3, 2), dtype=np.float32)
    views[:, :, 0] = [[0.9, 0.4, 0.4], [0.4, 0.4, 0.6], [0.1, 0.1, 0.1], [0.6, 0.6, 0.6]]
    views[:, :, 1] = 1 - views[:, :, 0]
    found = compare_classes(views, np.array([0, 0, 1, 1]))
    assert (found.images, found.agreement) == (4, 50.0)
    assert found.by_class == [50.0, 50.0]
    assert found.confusion == [[1, 1], [1, 1]]


def test_a_class_without_images_has_no_agreement_and_many_classes_no_table() -> None:
    labels = np.arange(100)
    found = compare_classes(answers(labels, 1.0, seed=0, num_classes=101), labels)
    assert found.by_class == [100.0] * 100 + [None]
    assert found.confusion is None
    assert found.permutation is None
