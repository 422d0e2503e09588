"""Variants are timed in turns, each in a process of its own, within a deadline."""

import os
from pathlib import Path

import pytest
from interleaved import Deadline, Process, TimeIsUp, Timing, Variant, measure

from workers.supervisor.runner_process import ALLOCATOR

TINY = {"shape": (1, 4, 8), "precision": "fp32", "channels_last": False}


def convolution(name: str, **changes: object) -> Variant:
    return Variant(name, "machine_peak:convolution", TINY | changes)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_every_variant_is_timed_in_every_round() -> None:
    before = children()
    timings = measure([convolution("a"), convolution("b", precision="bf16")], 3, Deadline(None))
    assert [len(timing.rounds) for timing in timings] == [3, 3]
    assert all(seconds > 0 for timing in timings for seconds in timing.rounds)
    assert all(timing.warm_up > 0 and timing.peak_bytes > 2**20 for timing in timings)
    assert children() == before


def test_a_variant_that_fails_is_named_and_none_is_left() -> None:
    before = children()
    with pytest.raises(RuntimeError, match="'broken'"):
        measure([convolution("a"), convolution("broken", shape=(1, 0))], 1, Deadline(None))
    assert children() == before


def test_the_deadline_ends_a_measurement_and_its_processes() -> None:
    before = children()
    with pytest.raises(TimeIsUp):
        measure([convolution("a")], 10**6, Deadline(6.0))
    assert children() == before


def test_no_time_at_all() -> None:
    with pytest.raises(TimeIsUp):
        measure([convolution("a")], 1, Deadline(0.0))


@pytest.mark.parametrize("ours", [True, False])
def test_only_ours_has_the_allocator_of_our_runner(ours: bool) -> None:
    variant = Variant("a", "machine_peak:convolution", TINY, ours)
    with Process(variant) as process:
        # Answered: it runs, and /proc holds the environment it was started with.
        process.answer(Deadline(None))
        # glibc cuts its tunables apart where they lie, so every end may be a colon.
        environment = ":" + Path(f"/proc/{process.pid}/environ").read_text().replace("\0", ":")
    assert (f":GLIBC_TUNABLES={ALLOCATOR}:" in environment) is ours
    assert ("GLIBC_TUNABLES" in environment) is ours
    assert ":OMP_NUM_THREADS=1:" in environment


def test_ratios_are_taken_within_a_round() -> None:
    slow, fast = Timing([2.0, 8.0, 3.0], 0.0, 0), Timing([1.0, 2.0, 1.0], 0.0, 0)
    assert fast.times_faster(slow) == (3.0, 2.0, 4.0)
    assert slow.seconds == 3.0
