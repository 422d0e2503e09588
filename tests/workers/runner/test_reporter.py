"""The reporter's lines are events, and progress comes at least once a second."""

import io
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from api_schemas.runner import RUNNER_EVENT, DoneEvent, ProgressEvent, RunnerEvent
from workers.runner.reporter import Reporter

DONE = DoneEvent(event="done", files=[], result={})


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("workers.runner.reporter.monotonic", lambda: clock.now)
    return clock


def events(stream: io.BytesIO) -> list[RunnerEvent]:
    return [RUNNER_EVENT.validate_json(line) for line in stream.getvalue().splitlines()]


def progress_events(stream: io.BytesIO) -> Iterator[ProgressEvent]:
    return (event for event in events(stream) if isinstance(event, ProgressEvent))


def test_every_kind_of_event_is_one_line_of_the_protocol() -> None:
    stream = io.BytesIO()
    report = Reporter(stream)
    report.log("two\nlines", "warning")
    report.metric("epoch", {"epoch": 1, "loss": 0.5})
    report.row({"accuracy": 12.5})
    report.checkpoint(["resume.pt"])
    report.end(DONE)
    assert [event.event for event in events(stream)] == ["log", "metric", "row", "checkpoint", "done"]


def test_progress_is_told_twice_a_second_at_most_and_at_the_end(clock: Clock) -> None:
    stream = io.BytesIO()
    progress = Reporter(stream).stage("ingest", "images")
    for done in range(101):
        progress(done, 100)
        clock.now += 1 / 64
    told = [(event.done, event.total, event.stage, event.unit) for event in progress_events(stream)]
    assert [done for done, *_ in told] == [0, 32, 64, 96, 100]
    assert told[-1] == (100, 100, "ingest", "images")


def test_rate_leaves_out_what_a_resumed_stage_found_done(clock: Clock) -> None:
    stream = io.BytesIO()
    progress = Reporter(stream).stage("train_labeler", "images")
    progress(1000, 2000)
    clock.now += 2.0
    progress(1100, 2000)
    first, second = progress_events(stream)
    assert (first.rate, first.eta_seconds) == (None, None)
    assert (second.rate, second.eta_seconds) == (50.0, 18.0)


def test_rate_follows_a_change_of_pace(clock: Clock) -> None:
    stream = io.BytesIO()
    progress = Reporter(stream).stage("evaluate", "forwards")
    for done in range(0, 1000, 10):  # ten a second
        progress(done, 10_000)
        clock.now += 1.0
    for done in range(1000, 1100, 1):  # one a second
        progress(done, 10_000)
        clock.now += 1.0
    *_, last = progress_events(stream)
    assert last.rate == pytest.approx(1.0)


def test_a_step_longer_than_the_window_still_has_a_rate(clock: Clock) -> None:
    stream = io.BytesIO()
    progress = Reporter(stream).stage("evaluate", "forwards")
    for done in (0, 60, 120):
        progress(done, 600)
        clock.now += 60.0
    *_, last = progress_events(stream)
    assert last.rate == pytest.approx(1.0)


def test_a_new_stage_starts_afresh(clock: Clock) -> None:
    stream = io.BytesIO()
    report = Reporter(stream)
    progress = report.stage("first", "images")
    progress(0, 10)
    clock.now += 0.1
    progress(5, 10)
    report.stage("second", "views")(0, 7)
    clock.now += 1.0
    report.end(DONE)
    assert [(event.stage, event.done, event.rate) for event in progress_events(stream)] == [
        ("first", 0, None),
        ("first", 5, pytest.approx(50.0)),
        ("second", 0, None),
    ]


@pytest.mark.slow
def test_a_slow_step_is_still_told_every_second() -> None:
    stream = io.BytesIO()
    times: list[float] = []

    class Timed(io.BytesIO):
        def flush(self) -> None:
            times.append(time.monotonic())

    stream = Timed()
    with Reporter(stream) as report:
        report.stage("evaluate", "forwards")(3, 10)
        time.sleep(2.2)
    told = list(progress_events(stream))
    assert len(told) >= 3
    assert {event.done for event in told} == {3}
    # The thread is late on a busy machine; twice the promise is certainly broken.
    assert max(late - early for early, late in pairwise(times)) < 2.0


def test_numbers_that_json_lacks_become_null() -> None:
    stream = io.BytesIO()
    Reporter(stream).metric("epoch", {"loss": float("nan"), "gap": float("inf")})
    assert stream.getvalue().endswith(b'"values":{"loss":null,"gap":null}}\n')
