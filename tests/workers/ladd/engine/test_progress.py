"""Progress is counted on from where it stands."""

from workers.ladd.engine.progress import counting


def test_every_call_tells_the_sum_and_the_total() -> None:
    told: list[tuple[int, int]] = []
    advance = counting(lambda *now: told.append(now), 10, done=4)
    assert told == []
    advance(0)
    advance(5)
    advance(-2)
    assert told == [(4, 10), (9, 10), (7, 10)]
