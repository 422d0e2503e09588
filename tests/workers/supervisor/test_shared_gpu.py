"""Tasks on a slot that shares a GPU: when one is claimed, what its progress tells, what it is recorded to have held.

No GPU computes here: runners are scripted.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.lifecycle.tasks import ClaimedTask
from service.core.resources import jobs
from tests.service.core.hand import Hand
from tests.service.core.made_up_results import made_up_stats
from tests.workers.supervisor.supervised import SCRIPTED, SLOT, Claim, Submit, wait_for
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.gains import Gains
from workers.supervisor.gpu_room import GpuRoom
from workers.supervisor.gpu_seats import Neighbours, Seat
from workers.supervisor.heartbeat import worker_name
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slot, Slots
from workers.supervisor.training_kind import kind_of
from workers.supervisor.wake import Answering
from workers.supervisor.warm_runner import WarmRunner

GIB = 1 << 30

NEVER = threading.Event()


@pytest.fixture
def slot() -> Slot:
    """One of three on a GPU with 48 GiB."""
    return Slot(gpu=None, slots=3, room=GpuRoom(48 * GIB, 3), seat=Seat(Neighbours("0", Gains(3))))


@pytest.fixture
def trial(core: Core, tmp_path: Path) -> ClaimedTask:
    hand = Hand(core, tmp_path)
    dataset = hand.ready_set(source_dataset=hand.ready_set("source"))
    job = hand.submit("evaluate", dataset=dataset, arms=["baseline"], architectures=["ResNet18"], trials=1)
    return hand.claim(job.id, "evaluate:baseline:ResNet18:0")


def test_the_progress_of_a_trial_is_measured(
    core: Core,
    trial: ClaimedTask,
    slot: Slot,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
) -> None:
    assert slot.seat is not None
    gains, kind = slot.seat.neighbours.gains, str(kind_of(trial))
    assert gains.most(kind) == 1
    with slot.seat.taken(NEVER), WarmRunner((sys.executable, SCRIPTED, "report_progress")) as warm:
        run_task(core, trial, slot, warm, cache, fitness, shutting_down)
    # Its hundred steps are over at once.
    assert gains.most(kind) == 3


def test_a_task_that_succeeds_is_recorded_with_what_it_held_of_the_gpu(
    core: Core,
    submit: Submit,
    claim: Claim,
    slot: Slot,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
) -> None:
    dataset = submit(json.dumps({"stats": made_up_stats("distilled")}).encode())
    claimed = claim(dataset)
    with WarmRunner((sys.executable, SCRIPTED, "hand_in_the_upload")) as warm:
        run_task(core, claimed, slot, warm, cache, fitness, shutting_down)
    job = core.store.load(dataset.job)
    assert job is not None
    assert job.fields["state"] == JobState.SUCCEEDED
    [attempt] = job.tasks[0].attempts
    assert attempt.finished_at is not None
    whole = (attempt.finished_at - attempt.started_at).total_seconds()
    assert 0 < job.tasks[0].held_seconds(attempt) < whole


@pytest.fixture
def answer(
    core: Core,
    slot: Slot,
    cache: InputCache,
    fitness: Fitness,
    intake: Intake,
    shutting_down: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> Answering:
    """The answer of a worker with this slot, whose runners refuse what they read."""
    monkeypatch.setattr("workers.supervisor.wake.WarmRunner", lambda: WarmRunner((sys.executable, SCRIPTED, "refuse")))
    assert fitness.test(Place(SLOT)) is None
    slots = dict.fromkeys(("gpu", "io"), Slots([slot]))
    return Answering(core, worker_name(), slots, cache, fitness, intake, shutting_down)


@contextmanager
def newcomer(slot: Slot) -> Iterator[None]:
    """A training beside the slot's of a kind that nobody has measured."""
    assert slot.seat is not None
    neighbour = Seat(slot.seat.neighbours)
    with neighbour.taken(NEVER), neighbour.working("a new kind"):
        yield


def test_nothing_is_claimed_where_one_more_is_not_worth_it(
    core: Core, submit: Submit, slot: Slot, answer: Answering
) -> None:
    dataset = submit()
    core.redis.delete("io")
    thread = threading.Thread(target=answer, args=("io", dataset.job, "ingest"))
    with newcomer(slot):
        thread.start()
        # The wake-up goes on to other workers, whose GPU may be idle.
        wait_for(lambda: core.dispatcher.waiting("io") == 1)
        assert jobs.view(core, dataset.job).state is JobState.QUEUED
    thread.join()
    assert jobs.view(core, dataset.job).state is JobState.FAILED
    assert answer.slots["io"].free == 1


def test_a_slot_that_is_one_too_many_stops_and_leaves_a_wake_up(
    core: Core, submit: Submit, slot: Slot, answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = submit(), submit()
    core.redis.delete("io")
    with ExitStack() as stack:
        monkeypatch.setattr(answer.intake, "succeeded", lambda: stack.enter_context(newcomer(slot)))
        answer("io", first.job, "ingest")
        assert [jobs.view(core, each.job).state for each in (first, second)] == [JobState.FAILED, JobState.QUEUED]
        assert core.dispatcher.waiting("io") == 1
