"""The interval of a difference against brute force: draws of trials and test images from known populations."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.ladd.evaluation.paired_difference import paired_difference
from workers.ladd.evaluation.statistics import summarize

TRIALS, IMAGES = 5, 400


def draw(
    draws: np.random.Generator, difference: float, of_trials: float, of_images: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Answers of two arms that share trials and images: each arm has its own liking for every trial and image."""
    answers = []
    for base in (0.5 + difference / 2, 0.5 - difference / 2):
        chance = base + of_trials * draws.standard_normal((TRIALS, 1)) + of_images * draws.uniform(-1, 1, (1, IMAGES))
        answers.append((draws.random((TRIALS, IMAGES)) < chance).astype(float))
    return answers[0], answers[1]


@pytest.mark.parametrize(
    ("of_trials", "of_images", "covered", "by_trials_alone"),
    [
        # Little noise of either kind: MS_t is not taken below MS_r, which makes the interval wide.
        (0.0, 0.0, (0.95, 1.0), (0.92, 0.98)),
        (0.03, 0.0, (0.93, 0.99), (0.92, 0.98)),
        (0.0, 0.45, (0.93, 1.0), (0.5, 0.85)),
        (0.02, 0.45, (0.92, 0.99), (0.6, 0.92)),
    ],
)
def test_the_interval_covers_the_true_difference_as_often_as_it_says(
    of_trials: float, of_images: float, covered: tuple[float, float], by_trials_alone: tuple[float, float]
) -> None:
    draws = np.random.default_rng(3)
    found = [paired_difference(*draw(draws, 0.04, of_trials, of_images)) for _ in range(1000)]
    both = np.mean([each.ci95[0] <= 4 <= each.ci95[1] for each in found])
    trials = np.mean([each.trials_ci95[0] <= 4 <= each.trials_ci95[1] for each in found])
    assert covered[0] <= both <= covered[1]
    # Student's interval over trials takes the test images for the whole population.
    assert by_trials_alone[0] <= trials <= by_trials_alone[1]


def test_its_variance_is_that_of_many_repetitions() -> None:
    draws = np.random.default_rng(4)
    found = [paired_difference(*draw(draws, 0.0, 0.03, 0.45)) for _ in range(1500)]
    spread = np.std([each.difference for each in found])
    # Student's quantile lies between 1.96 and, at 4 degrees of freedom, 2.78.
    reach = np.median([(each.ci95[1] - each.ci95[0]) / 2 for each in found])
    assert 1.9 * spread < reach < 3 * spread


def test_the_interval_over_trials_is_students() -> None:
    ours, baseline = draw(np.random.default_rng(5), 0.1, 0.05, 0.2)
    found = paired_difference(ours, baseline)
    summary = summarize(list(100 * (ours - baseline).mean(axis=1)))
    assert found.difference == pytest.approx(summary.mean)
    assert found.trials_ci95 == pytest.approx(tuple(summary.ci95 or ()))


def test_trials_that_agree_by_chance_leave_uncertainty() -> None:
    ours = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    found = paired_difference(ours, np.zeros((2, 4)))
    assert found.difference == 50
    assert found.trials_ci95 == (50, 50)
    assert found.ci95[0] < 0
    assert not found.evidence


def test_equal_arms_differ_by_nothing() -> None:
    ours = np.eye(3)
    found = paired_difference(ours, ours)
    assert (found.difference, found.ci95, found.evidence) == (0, (0, 0), False)


@pytest.mark.parametrize(("ours", "baseline"), [((1, 9), (1, 9)), ((3, 9), (2, 9)), ((3, 1), (3, 1)), ((4,), (4,))])
def test_too_little_to_compare_is_refused(ours: tuple[int, ...], baseline: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"answers must be \[n, T\] with n and T of at least 2"):
        paired_difference(np.zeros(ours), np.zeros(baseline))
