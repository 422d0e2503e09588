"""Mean, spread and interval of trials, against published tables."""

import math
import random
import statistics as standard

import pytest

from workers.ladd.evaluation.statistics import student_t_975, summarize

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


def test_one_trial_has_no_interval() -> None:
    assert summarize([42.5]) == (42.5, 0.0, None)


def test_no_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        summarize([])
