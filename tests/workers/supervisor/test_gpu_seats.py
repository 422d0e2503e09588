"""Slots sit down at a GPU as long as one training more is worth it; made-up cards, and real threads."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from tests.workers.supervisor.supervised import wait_for
from workers.supervisor.gains import BRIEF_SECONDS, MEASURED_SECONDS, Gains
from workers.supervisor.gpu_seats import Neighbours, Seat

KIND = "ladd of ConvNetD5"
STEP = 0.5
"""Seconds between two lines of progress."""

NEVER = threading.Event()


class Card:
    """A GPU on which 1, 2, ... trainings do so many images a second together, and a slot for each.

    A slot that may do another training begins it at once; each has `images` to do after a first step in which it loads
    the GPU with nothing.
    """

    def __init__(self, together: Sequence[float], images: int) -> None:
        self.now = 0.0
        self.gains = Gains(len(together))
        self._together, self._images = together, images
        self._neighbours = Neighbours("0", self.gains, lambda: self.now)
        self._at_work: dict[Seat, tuple[ExitStack, ExitStack, float]] = {}
        self._free = [Seat(self._neighbours) for _ in together]

    @property
    def width(self) -> int:
        return len(self._at_work)

    def run(self, seconds: float, kinds: Sequence[str | None] = (KIND,)) -> list[int]:
        """Let so much time pass, with trainings of these kinds in turn; how many there were in each step."""
        widths, turns = [], 0
        for _ in range(int(seconds / STEP)):
            while self._free and self._free[0].is_open:
                seat, at_gpu = self._free.pop(0), ExitStack()
                at_gpu.enter_context(seat.taken(NEVER))
                self._begin(seat, at_gpu, kinds[turns % len(kinds)])
                turns += 1
            self.now += STEP
            widths.append(self.width)
            rate = self._together[self.width - 1] / self.width
            for seat, (at_gpu, work, done) in list(self._at_work.items()):
                done = done + rate * STEP if done else 1.0
                seat.progressed(min(int(done), self._images), self._images)
                self._at_work[seat] = (at_gpu, work, done)
                if done >= self._images:
                    work.close()
                    del self._at_work[seat]
                    if seat.stays():
                        self._begin(seat, at_gpu, kinds[turns % len(kinds)])
                        turns += 1
                    else:
                        at_gpu.close()
                        self._free.append(seat)
        return widths

    def _begin(self, seat: Seat, at_gpu: ExitStack, kind: str | None) -> None:
        work = ExitStack()
        work.enter_context(seat.working(kind))
        seat.progressed(0, self._images)
        self._at_work[seat] = (at_gpu, work, 0.0)


@pytest.mark.parametrize(
    ("together", "best"),
    [
        ((600, 600, 600, 600), 1),
        ((600, 500, 480, 470), 1),
        ((600, 1080, 1320, 1320), 3),
        ((600, 1080, 1320, 1600), 4),
        ((600, 1000, 1010, 900), 2),
        ((600, 1150), 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("images", [20_000, 1_000_000], ids=["33 s alone", "half an hour alone"])
def test_a_card_comes_to_its_best_width(together: tuple[float, ...], best: int, images: int) -> None:
    card = Card(together, images)
    widths = card.run(2.5 * 60 * 60)
    assert widths[0] == 1
    assert set(widths[len(widths) // 2 :]) == {best}
    assert max(widths) <= best + 1
    assert card.gains.together(KIND, best) == pytest.approx(together[best - 1], rel=0.02)


def test_one_more_begins_while_a_training_of_hours_goes_on() -> None:
    card = Card((600, 1080, 1320, 1320), images=100_000_000)
    widths = card.run(300)
    assert [widths.index(width) * STEP for width in (2, 3)] == pytest.approx(
        [MEASURED_SECONDS, 2 * MEASURED_SECONDS], abs=3
    )


def test_trainings_that_are_over_at_once_are_as_many_as_there_are_slots() -> None:
    card = Card((600, 600, 600, 600), images=int(600 * BRIEF_SECONDS / 2))
    assert set(card.run(60)[20:]) == {4}


def test_a_training_that_went_on_near_its_end_is_not_taken_for_one_that_is_over_at_once() -> None:
    neighbours = Neighbours("0", Gains(4), lambda: 0.0)
    for is_whole, is_open in ((False, False), (True, True)):
        seat = Seat(neighbours)
        with seat.taken(NEVER), seat.working(KIND, is_whole):
            seat.progressed(0, 1000)
            seat.progressed(1000, 1000)
            assert Seat(neighbours).is_open is is_open


def test_only_time_in_which_all_compute_and_none_comes_or_goes_is_measured() -> None:
    now = 0.0
    neighbours = Neighbours("0", gains := Gains(2), lambda: now)
    with ExitStack() as stack:
        seats = [Seat(neighbours) for _ in range(2)]
        for seat in seats:
            stack.enter_context(seat.taken(NEVER))
            stack.enter_context(seat.working(KIND))
            gains.note(KIND, 1, 1, MEASURED_SECONDS)  # a second one may begin
        first, second = seats
        first.progressed(0, 10**6)
        first.progressed(5, 10**6)
        second.progressed(0, 10**6)
        for at, seat, done in (
            (100.0, first, 100),  # the second loads
            (200.0, second, 1),  # its first step
            (300.0, first, 200),  # began before that
            (350.0, first, 200),  # a sign of life
        ):
            now = at
            seat.progressed(done, 10**6)
            assert gains.together(KIND, 2) is None
        now = 400.0
        first.progressed(300, 10**6)
        # A hundred images in a hundred seconds, two at a time.
        assert gains.together(KIND, 2) == 2.0


def test_who_stays_does_not_count_those_who_have_claimed_nothing_yet() -> None:
    neighbours = Neighbours("0", gains := Gains(3))
    first, second, third = (Seat(neighbours) for _ in range(3))
    gains.note_brief(KIND)
    with first.taken(NEVER), first.working(KIND), second.taken(NEVER):
        assert first.stays()
        assert not third.is_open
        with second.working("a new kind"):
            assert not first.stays()
            assert neighbours.seated == [second]


def test_a_labeler_neither_keeps_trainings_away_nor_is_measured_with_them() -> None:
    neighbours = Neighbours("0", gains := Gains(4))
    labeler, training = Seat(neighbours), Seat(neighbours)
    with labeler.taken(NEVER), labeler.working(None):
        assert training.is_open
        with training.taken(NEVER), training.working(KIND):
            for done in range(100):
                labeler.progressed(done, 100)
                training.progressed(done, 100)
            assert not Seat(neighbours).is_open
        assert labeler.stays()
    assert gains.in_words(KIND) == " images/s"


def test_beside_another_kind_nothing_is_measured_and_the_fewest_count() -> None:
    card = Card((600, 1080, 1320, 1320), images=20_000)
    card.run(600, ["a", "b"])
    assert card.gains.most("a") == card.gains.most("b") == 2
    assert set(card.run(3600, ["a", "b"])) <= {1, 2}
    assert card.gains.together("a", 3) is None


def test_a_slot_that_waits_begins_when_its_neighbour_was_measured_or_has_gone() -> None:
    now = 0.0
    neighbours = Neighbours("0", Gains(3), lambda: now)
    seats = [Seat(neighbours) for _ in range(3)]
    begun: list[int] = []
    ends, stopped = [threading.Event() for _ in seats], threading.Event()

    def work(number: int) -> None:
        with seats[number].taken(stopped):
            if stopped.is_set():
                return
            with seats[number].working(KIND):
                begun.append(number)
                ends[number].wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_for(lambda: len(begun) == 1)
        assert begun == [0], number
    for now in (0.0, 1.0, 1.0 + MEASURED_SECONDS):
        seats[0].progressed(int(600 * now), 10**6)
    wait_for(lambda: len(begun) == 2)
    assert neighbours.gains.most(KIND) == 2
    ends[0].set()
    wait_for(lambda: len(begun) == 3)
    stopped.set()
    for end in ends:
        end.set()
    for thread in threads:
        thread.join()
    assert neighbours.seated == []


def test_a_worker_that_shuts_down_waits_no_longer() -> None:
    neighbours = Neighbours("0", Gains(2))
    first, second, shutting_down = Seat(neighbours), Seat(neighbours), threading.Event()
    shutting_down.set()
    with first.taken(NEVER), second.taken(shutting_down):
        assert neighbours.seated == [first]
