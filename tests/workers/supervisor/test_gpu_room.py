"""Tasks share a GPU as far as its memory goes, and nobody who waits is overtaken."""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from api_schemas.jobs import JobState
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.resources import jobs
from tests.workers.supervisor.supervised import SCRIPTED, Claim, Submit, error_of, wait_for
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.gpu_room import GpuRoom, fits, needed_bytes, slots_of_memory
from workers.supervisor.input_cache import InputCache
from workers.supervisor.slots import Slot
from workers.supervisor.warm_runner import WarmRunner

GIB = 1 << 30


def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("gib", "slots"), [(8, 1), (16, 1), (24, 1), (40, 2), (80, 4), (141, 4)], ids=lambda number: str(number)
)
def test_slots_of_memory(gib: int, slots: int) -> None:
    assert slots_of_memory(gib * GIB) == slots


def test_a_trial_counts_as_its_part_and_what_is_not_predicted_as_16_gib_or_its_part() -> None:
    assert needed_bytes(TaskType.EVALUATE, 24 * GIB, 4) == 6 * GIB
    assert needed_bytes(TaskType.TRAIN_LABELER, 24 * GIB, 4) == 16 * GIB
    assert needed_bytes(TaskType.GENERATE_LABELS, 80 * GIB, 4) == 20 * GIB


@pytest.mark.parametrize(
    ("taken", "needed", "begins"),
    [([], 99, True), ([6], 16, True), ([6, 6], 16, False), ([6, 6, 6], 6, True), ([99], 1, False)],
)
def test_fits(taken: list[int], needed: int, begins: bool) -> None:
    assert fits(24, taken, needed) is begins


class Tasks:
    """Tasks in threads: those that have begun, in their order, and ends for them."""

    def __init__(self, room: GpuRoom) -> None:
        self.begun: list[str] = []
        self._room = room
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def start(self, name: str, type: TaskType, is_vain: Callable[[], bool] = never) -> None:
        """Start one, and wait until it has begun or waits."""
        self._ends[name] = threading.Event()

        def run() -> None:
            with self._room.taken_by(type, is_vain):
                self.begun.append(name)
                self._ends[name].wait()

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()
        wait_for(lambda: name in self.begun or len(self._room._waiting) > 0)

    def end(self, name: str) -> None:
        self._ends[name].set()

    def close(self) -> None:
        for end in self._ends.values():
            end.set()
        for thread in self._threads:
            thread.join()


def test_a_task_that_does_not_fit_waits_and_is_not_overtaken() -> None:
    with ExitStack() as stack:
        tasks = Tasks(GpuRoom(24 * GIB, 4))
        stack.callback(tasks.close)
        tasks.start("trial 1", TaskType.EVALUATE)
        tasks.start("trial 2", TaskType.EVALUATE)
        tasks.start("labeler", TaskType.TRAIN_LABELER)
        tasks.start("trial 3", TaskType.EVALUATE)
        assert tasks.begun == ["trial 1", "trial 2"]
        tasks.end("trial 1")
        wait_for(lambda: "labeler" in tasks.begun)
        assert tasks.begun == ["trial 1", "trial 2", "labeler"]
        tasks.end("trial 2")
        wait_for(lambda: "trial 3" in tasks.begun)


def test_a_task_that_is_to_stop_does_not_wait() -> None:
    canceled = threading.Event()
    with ExitStack() as stack:
        tasks = Tasks(GpuRoom(24 * GIB, 4))
        stack.callback(tasks.close)
        tasks.start("labeler", TaskType.TRAIN_LABELER)
        tasks.start("another", TaskType.TRAIN_LABELER, canceled.is_set)
        assert tasks.begun == ["labeler"]
        canceled.set()
        wait_for(lambda: tasks.begun == ["labeler", "another"])


def test_a_second_beside_another_counts_half_and_waiting_not_at_all() -> None:
    now = 100.0
    room = GpuRoom(32 * GIB, 2, clock=lambda: now)
    with room.taken_by(TaskType.EVALUATE, never) as first:
        now += 3
        with room.taken_by(TaskType.EVALUATE, never) as second:
            now += 4
        now += 1
    now += 50
    with room.taken_by(TaskType.EVALUATE, never) as third:
        now += 7
    assert (first.seconds, second.seconds, third.seconds) == (3 + 2 + 1, 2, 7)


@pytest.mark.parametrize("is_canceled", [False, True])
def test_a_claimed_task_waits_for_room_and_may_be_canceled_meanwhile(
    core: Core,
    submit: Submit,
    claim: Claim,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
    is_canceled: bool,
) -> None:
    dataset, room = submit(), GpuRoom(24 * GIB, 2)
    slot = Slot(gpu=None, slots=1, room=room)
    warm = WarmRunner((sys.executable, SCRIPTED, "report_progress"))
    thread = threading.Thread(target=run_task, args=(core, claim(dataset), slot, warm, cache, fitness, shutting_down))
    with room.taken_by(TaskType.TRAIN_LABELER, never):
        thread.start()
        wait_for(lambda: len(room._waiting) == 1)
        assert jobs.view(core, dataset.job).state is JobState.RUNNING
        if is_canceled:
            jobs.cancel(core, dataset.job)
            thread.join()
    thread.join()
    if is_canceled:
        assert jobs.view(core, dataset.job).state is JobState.CANCELED
    else:
        assert error_of(core, dataset).message == "on purpose"
