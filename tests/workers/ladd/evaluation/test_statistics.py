"""Mean, spread and interval of trials, against published tables."""

import math
import random
import statistics as standard

import pytest

from workers.ladd.evaluation.statistics import holm, student_t_975, summarize, two_sided_p

# Published table of Student's t, two-sided 95 %.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 29: 2.045, 30: 2.042, 120: 1.980}


@pytest.mark.parametrize(("degrees", "quantile"), TABLE.items())
def test_student_t_is_that_of_the_published_table(degrees: int, quantile: float) -> None:
    assert student_t_975(degrees) == pytest.approx(quantile, abs=5e-4)


def test_student_t_tends_to_the_normal_quantile() -> None:
    assert student_t_975(5000) == pytest.approx(standard.NormalDist().inv_cdf(0.975), abs=1e-3)


def test_summary_of_five_trials() -> None:
    accuracies = [50.0, 52.0, 51.0, 53.0, 49.0]
    summary = summarize(accuracies)
    assert summary.mean == 51.0
    assert summary.std == pytest.approx(math.sqrt(2))
    reach = 2.776445 * standard.stdev(accuracies) / math.sqrt(5)
    assert summary.ci95 == pytest.approx([51 - reach, 51 + reach], abs=1e-5)


def test_interval_covers_the_mean_95_times_in_100() -> None:
    source = random.Random(7)
    runs = 2000
    hits = 0
    for _ in range(runs):
        low, high = summarize([source.gauss(60, 2) for _ in range(3)]).ci95 or (0.0, 0.0)
        hits += low <= 60 <= high
    assert hits / runs == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("accuracies", "std"), [([42.5], 0.0), ([42.0, 43.0], 0.5)])
def test_fewer_than_three_trials_have_no_interval(accuracies: list[float], std: float) -> None:
    assert summarize(accuracies) == (42.5, std, None)


def test_no_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        summarize([])


def test_degrees_of_freedom_may_be_broken_numbers() -> None:
    assert TABLE[5] < student_t_975(4.5) < TABLE[4]


@pytest.mark.parametrize(("degrees", "quantile"), TABLE.items())
def test_p_value_is_five_percent_at_the_end_of_the_interval(degrees: int, quantile: float) -> None:
    assert two_sided_p(-2 * quantile, 2, degrees) == pytest.approx(0.05, abs=1e-4)


def test_p_value_without_an_error() -> None:
    assert (two_sided_p(0.0, 0.0, 1), two_sided_p(0.1, 0.0, 1)) == (1.0, 0.0)


def test_holm_is_that_of_a_worked_example() -> None:
    """Four tests: 0.005 x 4; 0.01 x 3; 0.03 x 2; 0.04 x 1, not below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_holm_keeps_the_error_of_the_family() -> None:
    """Of three tests without any difference each is wrong in 5 of 100 families, one of them in 14; adjusted, in 5."""
    source = random.Random(3)
    families = [[source.random() for _ in range(3)] for _ in range(4000)]
    assert sum(min(family) <= 0.05 for family in families) / 4000 == pytest.approx(0.143, abs=0.02)
    assert sum(min(holm(family)) <= 0.05 for family in families) / 4000 == pytest.approx(0.049, abs=0.01)
