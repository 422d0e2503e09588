"""Variants work in turns in one process: only when asked, each with its own settings of torch."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from interleaved import Deadline, TimeIsUp
from turns import COMPILING, Turn, Work, measure

CPU = torch.device("cpu")
CUDNN: Any = torch.backends.cudnn


def counting(counts: dict[str, int], name: str, seconds: float = 0.0) -> Work:
    def work(lap: Callable[[], None]) -> None:
        while True:
            counts[name] = counts.get(name, 0) + 1
            time.sleep(seconds)
            lap()

    return work


def working_threads() -> int:
    return threading.active_count()


def test_every_variant_is_timed_in_every_round() -> None:
    counts: dict[str, int] = {}
    before = working_threads()
    variants = {"a": counting(counts, "a", 0.01), "b": counting(counts, "b", 0.02)}
    timings, failed = measure(variants, CPU, 3, Deadline(None), stretch=0.0)
    assert failed == {}
    assert {name: len(timing.rounds) for name, timing in timings.items()} == {"a": 3, "b": 3}
    assert timings["b"].seconds > timings["a"].seconds >= 0.01
    assert timings["a"].warm_up >= COMPILING * 0.01
    # One lap to see how many make a stretch; two stretches of one lap in a round.
    assert counts == dict.fromkeys("ab", COMPILING + 1 + 3 * 2)
    assert working_threads() == before


def test_nothing_works_unless_it_is_asked() -> None:
    counts: dict[str, int] = {}
    turn = Turn(counting(counts, "a"), CPU)
    turn.laps(3, Deadline(None))
    time.sleep(0.05)
    assert counts == {"a": 3}
    turn.end()
    assert counts == {"a": 3}


def test_settings_of_a_variant_are_those_of_no_other() -> None:
    found: dict[str, list[bool]] = {"on": [], "off": []}

    def noting(name: str, chosen: bool) -> Work:
        def work(lap: Callable[[], None]) -> None:
            CUDNN.benchmark = chosen
            while True:
                found[name].append(CUDNN.benchmark)
                lap()

        return work

    before = CUDNN.benchmark
    measure({"on": noting("on", True), "off": noting("off", False)}, CPU, 2, Deadline(None), stretch=0.0)
    assert (set(found["on"]), set(found["off"])) == ({True}, {False})
    assert CUDNN.benchmark == before


def test_backward_passes_run_in_the_thread_of_their_variant() -> None:
    seen = []

    def work(lap: Callable[[], None]) -> None:
        while True:
            seen.append(torch._C._is_multithreading_enabled())
            lap()

    measure({"a": work}, CPU, 1, Deadline(None), stretch=0.0)
    assert set(seen) == {False}
    assert torch._C._is_multithreading_enabled()


def test_a_variant_that_fails_is_named_and_the_others_are_timed() -> None:
    def broken(lap: Callable[[], None]) -> None:
        lap()
        raise ValueError("no such kernel\nand more")

    timings, failed = measure({"a": counting({}, "a"), "broken": broken}, CPU, 1, Deadline(None), stretch=0.0)
    assert list(timings) == ["a"]
    assert failed == {"broken": "ValueError: no such kernel"}


def test_the_deadline_ends_a_measurement_while_a_variant_compiles() -> None:
    started = time.monotonic()
    with pytest.raises(TimeIsUp):
        measure({"slow": counting({}, "slow", seconds=5.0)}, CPU, 1, Deadline(0.1), stretch=0.0)
    assert time.monotonic() - started < 4
