"""The interval of a difference against brute force: draws of trials and test images from known populations."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.ladd.evaluation.paired_difference import Pair, PairedDifference, Shared, paired_difference
from workers.ladd.evaluation.statistics import student_t_975

TRIALS, IMAGES = 5, 400


def draw(
    draws: np.random.Generator, difference: float, of_trials: float, of_images: float, architectures: int = 1
) -> list[Pair]:
    """Answers of two arms that share the test images: each arm has its own liking for every trial and image."""
    liking = of_images * draws.uniform(-1, 1, (2, 1, IMAGES))
    pairs = []
    for _ in range(architectures):
        chance = 0.5 + liking + of_trials * draws.standard_normal((2, TRIALS, 1))
        chance += np.array([difference / 2, -difference / 2])[:, None, None]
        pairs.append(Pair(*(draws.random((2, TRIALS, IMAGES)) < chance)))
    return pairs


def covered(found: list[PairedDifference], truth: float) -> float:
    return float(np.mean([each.ci95[0] <= truth <= each.ci95[1] for each in found if each.ci95 is not None]))


@pytest.mark.parametrize("architectures", [1, 3])
@pytest.mark.parametrize(
    ("of_trials", "of_images", "by_trials_alone"),
    [(0.0, 0.0, (0.9, 0.98)), (0.05, 0.0, (0.92, 0.98)), (0.0, 0.45, (0.4, 0.85)), (0.02, 0.45, (0.5, 0.92))],
)
def test_the_interval_covers_the_true_difference_as_often_as_it_says(
    of_trials: float, of_images: float, by_trials_alone: tuple[float, float], architectures: int
) -> None:
    draws = np.random.default_rng(3)
    found = [paired_difference(draw(draws, 0.04, of_trials, of_images, architectures)) for _ in range(400)]
    assert 0.93 <= covered(found, 4) <= 0.98
    # An interval over trials takes the test images for the whole population.
    trials = np.mean([each.trials_ci95[0] <= 4 <= each.trials_ci95[1] for each in found if each.trials_ci95])
    assert by_trials_alone[0] <= trials <= by_trials_alone[1]


def test_trials_of_several_architectures_add_their_degrees_of_freedom() -> None:
    """With n - 1 = 4 degrees the reach would be 2.78 standard errors, with those of 2 x 3 x 4 draws it is about 2.1."""
    draws = np.random.default_rng(4)
    found = [paired_difference(draw(draws, 0.0, 0.1, 0.0, architectures=3)) for _ in range(400)]
    spread = np.std([each.difference for each in found])
    reach = np.median([(each.ci95[1] - each.ci95[0]) / 2 for each in found if each.ci95 is not None])
    assert 1.9 * spread < reach < 2.3 * spread
    assert 0.93 <= covered(found, 0) <= 0.97


def test_labelers_that_architectures_share_widen_the_interval_of_their_mean() -> None:
    """Two points of spread between labelers, trial t having the same one on five architectures."""
    draws = np.random.default_rng(8)
    apart, together = [], []
    for _ in range(200):
        labelers = 0.02 * draws.standard_normal((TRIALS, 1))
        pairs = [Pair(*(draws.random((2, TRIALS, 1000)) < [labelers + 0.5, 0 * labelers + 0.5])) for _ in range(5)]
        apart.append(paired_difference(pairs))
        together.append(paired_difference(pairs, Shared(arm=True)))
    assert covered(apart, 0) < 0.85
    assert 0.92 <= covered(together, 0) <= 0.98
    # Of one architecture, and where trials are not as many everywhere, it is the same either way.
    for those in ([pairs[0]], [pairs[0], Pair(pairs[1].arm[:4], pairs[1].baseline)]):
        assert paired_difference(those, Shared(arm=True)) == paired_difference(those)


def test_without_an_image_effect_the_interval_is_welchs() -> None:
    """Every trial is right about all images or none, but for one that both arms always have: worked by hand."""
    arm, baseline = np.zeros((3, 11)), np.zeros((4, 11))
    arm[0] = baseline[:2] = 1
    arm[:, 0] = baseline[:, 0] = 1
    found = paired_difference([Pair(arm, baseline)])
    of_arm, of_baseline = np.var([1, 0, 0], ddof=1) / 3, np.var([1, 1, 0, 0], ddof=1) / 4
    degrees = (of_arm + of_baseline) ** 2 / (of_arm**2 / 2 + of_baseline**2 / 3)
    reach = student_t_975(float(degrees)) * 100 * 10 / 11 * np.sqrt(of_arm + of_baseline)
    assert found.difference == pytest.approx(100 * 10 / 11 * (1 / 3 - 1 / 2))
    assert found.ci95 == found.trials_ci95 == pytest.approx((found.difference - reach, found.difference + reach))


def test_where_trials_do_not_differ_the_interval_is_that_of_the_images() -> None:
    ours = np.tile([1.0, 1, 1, 0, 0, 0, 1, 0], (3, 1))
    baseline = np.tile([1.0, 1, 0, 0, 0, 0, 0, 0], (3, 1))
    found = paired_difference([Pair(ours, baseline)])
    reach = 100 * student_t_975(7) * np.std((ours - baseline)[0], ddof=1) / np.sqrt(8)
    assert found.difference == 25
    assert found.ci95 == pytest.approx((25 - reach, 25 + reach))
    assert found.trials_ci95 == (25, 25)


def test_pairing_the_images_takes_out_what_both_arms_find_hard() -> None:
    draws = np.random.default_rng(5)
    hard = draws.uniform(0, 1, IMAGES)
    alike = paired_difference([Pair(*(draws.random((2, TRIALS, IMAGES)) < hard))])
    apart = paired_difference([Pair(*(draws.random((2, TRIALS, IMAGES)) < [[hard], [draws.permutation(hard)]]))])
    assert alike.ci95 is not None
    assert apart.ci95 is not None
    assert alike.ci95[1] - alike.ci95[0] < 0.7 * (apart.ci95[1] - apart.ci95[0])


def test_trials_that_agree_by_chance_leave_uncertainty() -> None:
    ours = np.array([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    found = paired_difference([Pair(ours, np.zeros((3, 4)))])
    assert found.trials_ci95 == pytest.approx((50, 50))
    assert found.ci95 is not None
    assert found.ci95[1] - found.ci95[0] > 50


def test_p_value_and_interval_agree() -> None:
    draws = np.random.default_rng(6)
    found = [paired_difference(draw(draws, 0.04, 0.02, 0.2)) for _ in range(200)]
    clear = [each.ci95 is not None and not each.ci95[0] <= 0 <= each.ci95[1] for each in found]
    assert clear == [each.p_value is not None and each.p_value < 0.05 for each in found]
    assert 20 < sum(clear) < 180


def test_equal_arms_differ_by_nothing() -> None:
    found = paired_difference([Pair(np.eye(3), np.eye(3))])
    assert found.difference == 0
    assert found.p_value == 1


@pytest.mark.parametrize(("ours", "baseline"), [(1, 5), (5, 2), (2, 2)])
def test_fewer_than_three_trials_on_a_side_have_no_interval(ours: int, baseline: int) -> None:
    enough = Pair(np.ones((3, 4)), np.zeros((3, 4)))
    found = paired_difference([enough, Pair(np.ones((ours, 4)), np.zeros((baseline, 4)))])
    assert found == PairedDifference(100, None, None, None)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least 1 and T of at least 2"),
        ([((0, 9), (3, 9))], "at least 1 and T of at least 2"),
        ([((3, 1), (3, 1))], "at least 1 and T of at least 2"),
        ([((4,), (4,))], "at least 1 and T of at least 2"),
        ([((3, 9), (3, 8))], "to the same images"),
        ([((3, 9), (3, 9)), ((3, 8), (3, 8))], "to the same images"),
    ],
)
def test_what_cannot_be_compared_is_refused(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], message: str) -> None:
    sides: list[tuple[NDArray[np.float64], ...]] = [tuple(map(np.zeros, pair)) for pair in pairs]
    with pytest.raises(ValueError, match=message):
        paired_difference([Pair(*each) for each in sides])
