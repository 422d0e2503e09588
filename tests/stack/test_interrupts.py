"""A signal interrupts once, wherever it lands."""

import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from stack.interrupts import STOPPING, signals_interrupt


class Finalised:
    """Goes at once, and is sent a signal as it goes."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


class Referred:
    """Has a weak reference with a callback."""


def in_a_finaliser(number: signal.Signals) -> None:
    Finalised(number)


def in_a_callback(number: signal.Signals) -> None:
    there = Referred()
    reference = weakref.ref(there, lambda _: signal.raise_signal(number))
    del there
    assert reference() is None


def in_a_finaliser_of_a_finaliser(number: signal.Signals) -> None:
    """The interrupt is still on its way out of the inner one when the outer one goes on."""

    class Outer:
        def __del__(self) -> None:
            Finalised(number)
            go_on()

    Outer()


def go_on() -> None:
    """A wait that an interrupt which got lost does not end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize("land", [signal.raise_signal, in_a_finaliser, in_a_callback, in_a_finaliser_of_a_finaliser])
def test_a_signal_interrupts_wherever_it_lands(number: signal.Signals, land: Callable[[Any], None]) -> None:
    before, hook = [signal.getsignal(each) for each in STOPPING], sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        go_on_after(land, number)
    assert ([signal.getsignal(each) for each in STOPPING], sys.unraisablehook) == (before, hook)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def go_on_after(land: Callable[[Any], None], number: signal.Signals) -> None:
    with signals_interrupt():
        land(number)
        go_on()


def test_no_further_signal_disturbs_the_stopping() -> None:
    stopped: list[signal.Signals] = []

    def stop() -> None:
        with signals_interrupt():
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                for number in STOPPING:
                    signal.raise_signal(number)
                    in_a_finaliser(number)
                    stopped.append(number)

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert stopped == list(STOPPING)


def test_what_stops_by_itself_is_not_interrupted() -> None:
    with signals_interrupt() as interrupts:
        interrupts.stopping = True
        for number in STOPPING:
            signal.raise_signal(number)


def test_what_else_a_finaliser_raises_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.append(found.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise OSError

    with signals_interrupt():
        Broken()
    assert told == [OSError]


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def look() -> None:
        with signals_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
