"""The decision whether cheap trials have answered the question."""

import statistics as standard
import subprocess
import sys

import pytest

from workers.ladd.evaluation.progressive import Decision, open_question


def test_a_clear_difference_closes_the_question() -> None:
    decision = open_question([50.0, 52.0, 51.0], [55.0, 57.5, 55.5])
    differences = [5.0, 5.5, 4.5]
    reach = 4.302653 * standard.stdev(differences) / 3**0.5
    assert not decision.open
    assert decision.mean_difference == pytest.approx(5.0)
    assert decision.ci95 == pytest.approx((5.0 - reach, 5.0 + reach), abs=1e-5)


def test_ladd_may_lose_clearly() -> None:
    assert not open_question([55.0, 57.5, 55.5], [50.0, 52.0, 51.0]).open


def test_differences_are_paired() -> None:
    """Trials that differ much among themselves, but not in what LADD adds: unpaired intervals would overlap."""
    assert not open_question([20.0, 50.0, 80.0], [22.0, 52.1, 81.9]).open
    assert open_question([20.0, 50.0, 80.0], [52.1, 81.9, 22.0]).open


def test_two_trials_leave_it_open_however_equal_their_differences() -> None:
    assert open_question([50.0, 50.0], [55.0, 55.5]) == Decision(open=True, mean_difference=5.25, ci95=None)


def test_equal_arms_leave_it_open() -> None:
    equal = [50.0, 60.0, 55.0]
    assert open_question(equal, equal) == Decision(open=True, mean_difference=0.0, ci95=(0.0, 0.0))


@pytest.mark.parametrize(("baseline", "ladd"), [([50.0], [51.0]), ([50.0, 51.0], [52.0]), ([], [])])
def test_pairs_are_needed(baseline: list[float], ladd: list[float]) -> None:
    with pytest.raises(ValueError, match=f"at least 2; got {len(baseline)} and {len(ladd)}"):
        open_question(baseline, ladd)


def test_no_torch_is_needed() -> None:
    modules = "workers.ladd.evaluation.progressive, workers.ladd.evaluation.rows"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
