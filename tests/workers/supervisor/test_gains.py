"""How many trainings at a time are worth it, by made-up speeds."""

import pytest

from workers.supervisor.gains import MEASURED_SECONDS, WORTH, Gains

KIND = "ladd of ConvNetD5"


def measured(*together: float, slots: int = 4, seconds: float = MEASURED_SECONDS) -> Gains:
    """Gains on a GPU on which 1, 2, ... trainings do so many images a second together."""
    gains = Gains(slots)
    for width, rate in enumerate(together, start=1):
        for _ in range(width):
            gains.note(KIND, width, round(rate / width * seconds), seconds)
    return gains


@pytest.mark.parametrize(
    ("together", "most"),
    [
        ((), 1),
        ((600,), 2),
        ((600, 1080), 3),
        ((600, 1080, 1320), 4),
        ((600, 1080, 1320, 1320), 3),
        ((600, 600), 1),
        ((600, 480), 1),
        ((600, 1140, 1620, 2040), 4),
    ],
)
def test_one_more_is_tried_until_it_is_not_worth_it(together: tuple[float, ...], most: int) -> None:
    assert measured(*together).most(KIND) == most


@pytest.mark.parametrize(("gain", "most"), [(WORTH + 0.01, 3), (WORTH - 0.01, 1)])
def test_a_tenth_more_is_worth_it(gain: float, most: int) -> None:
    assert measured(6000, gain * 6000).most(KIND) == most


def test_never_more_than_there_are_slots() -> None:
    assert measured(600, 1080, slots=2).most(KIND) == 2


def test_what_was_measured_for_less_says_nothing() -> None:
    gains = measured(600, 600, seconds=MEASURED_SECONDS / 2)
    assert (gains.most(KIND), gains.together(KIND, 1)) == (1, None)
    gains.note(KIND, 1, 6000, MEASURED_SECONDS / 2)
    assert (gains.most(KIND), gains.together(KIND, 1)) == (2, 600.0)
    # Two beside each other for half of the time are as many seconds of one, and not of two.
    gains.note(KIND, 2, 3000, MEASURED_SECONDS / 2)
    assert (gains.most(KIND), gains.together(KIND, 2)) == (2, None)
    gains.note(KIND, 2, 3000, MEASURED_SECONDS / 2)
    assert (gains.most(KIND), gains.together(KIND, 2)) == (1, 600.0)


def test_a_kind_says_nothing_about_others() -> None:
    assert measured(600, 1080).most("baseline of ViT") == 1


def test_those_that_are_over_at_once_are_as_many_as_there_are_slots() -> None:
    gains = Gains(3)
    gains.note_brief(KIND)
    assert gains.most(KIND) == 3


def test_words_for_the_log() -> None:
    assert measured(600, 1080).in_words(KIND) == "1: 600, 2: 1.08e+03 images/s"
