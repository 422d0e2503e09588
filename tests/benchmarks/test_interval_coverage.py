"""The simulation that shows the coverage of intervals: it gets back what it was given, and tells good from bad ones."""

from dataclasses import replace

import interval_coverage
import numpy as np
import pytest

from workers.ladd.evaluation.answers import pack_answers

KNOWN = interval_coverage.Components(
    accuracy=40.0,
    trial=2.0,
    image=0.5,
    image_by_arm=0.15,
    image_by_architecture=0.1,
    image_by_both=0.05,
    images=400,
)


def test_components_are_found_in_answers_that_were_drawn_with_them() -> None:
    draws = np.random.default_rng(1)
    known = replace(KNOWN, images=2000)
    trials = {}
    for name in interval_coverage.FEW_RIGHT:
        answers = interval_coverage.draw(draws, known, 2, 2, 8)
        trials[name] = {
            network: {
                arm: {str(number): {"correct": pack_answers(right)} for number, right in enumerate(found)}
                for arm, found in zip(("baseline", "ladd"), by_arm, strict=True)
            }
            for network, by_arm in zip(("one", "two"), answers, strict=True)
        }
    kept = {"test_images": 2000, "epochs": {"one": 1, "two": 1}, "trials": trials}
    found = interval_coverage.estimated(kept)
    assert found.accuracy == pytest.approx(40, abs=2)
    assert found.trial == pytest.approx(2, rel=0.3)
    for share in ("image", "image_by_arm", "image_by_architecture", "image_by_both"):
        assert getattr(found, share) == pytest.approx(getattr(known, share), abs=0.04)


def test_the_interval_that_was_replaced_is_caught() -> None:
    """Where trials differ most, its n - 1 degrees make it half as long again for the same coverage."""
    found = interval_coverage.coverage(replace(KNOWN, trial=10.0), k=3, n=3, repetitions=300)
    assert 0.92 <= found["covered"]["new"] <= 0.98
    assert found["reach"]["replaced"] > 1.3 * found["reach"]["new"]


def test_intervals_over_trials_alone_are_caught() -> None:
    found = interval_coverage.coverage(replace(KNOWN, trial=0.5), k=3, n=5, repetitions=300)
    assert 0.92 <= found["covered"]["new"] <= 0.98
    assert found["covered"]["over trials alone"] < 0.9


def test_holm_is_caught_if_it_does_not_adjust() -> None:
    found = interval_coverage.family(KNOWN, k=5, n=3, repetitions=300)
    assert found["unadjusted"] > 0.1
    assert found["holm"] < 0.08
