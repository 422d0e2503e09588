"""The exponent fitted to how time grows."""

import pytest
from growth import exponents, fitted
from interleaved import Timing


@pytest.mark.parametrize("power", [0, 1, 2])
def test_exponents_of_a_power_law(power: int) -> None:
    values = [3, 6, 12, 24, 48]
    timings = [Timing([0.1, 0.02 * value**power, 9.0], 1.0, 1) for value in values]
    expected = [Timing([0.02 * value**power], 1.0, 1) for value in values]
    assert exponents(expected) == pytest.approx([power] * 4)
    assert fitted(values, expected) == pytest.approx(power)
    # The median of the rounds counts, not their mean.
    assert timings[-1].seconds == pytest.approx(sorted([0.1, 0.02 * 48**power, 9.0])[1])


def test_the_fit_lies_between_the_doublings() -> None:
    timings = [Timing([seconds], 0.0, 0) for seconds in (1.0, 2.0, 8.0)]
    assert exponents(timings) == pytest.approx([1, 2])
    assert fitted([1, 2, 4], timings) == pytest.approx(1.5)
