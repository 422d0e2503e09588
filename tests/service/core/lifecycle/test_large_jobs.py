"""A job of two thousand trainings goes the way of a small one, and no step of it looks at every task for each task."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from api_schemas.jobs import Job, JobState
from service.core.clients import Core
from service.core.foundation.redis_keys import READY
from service.core.resources import jobs
from service.core.upkeep import reaper

TRIALS = 100
ARCHITECTURES = ["ConvNetD3", "AlexNet", "VGG11", "ResNet18", "ViT"]
TRAININGS = 2 * 2 * len(ARCHITECTURES) * TRIALS
FEW = 100
"""Commands that one task may cost Redis, however many tasks there are."""


def submit(hand: Any) -> Job:
    source = hand.ready_set("source")
    labeler = hand.trained_labeler(source)
    sets = []
    for _ in range(2):
        labelling = hand.submit("generate_labels", dataset=hand.ready_set(source_dataset=source), labeler=labeler)
        sets.append(hand.work(labelling.id).result.dataset)
    job = hand.submit("evaluate", datasets=sets, architectures=ARCHITECTURES, trials=TRIALS, overrides={"epochs": 5})
    assert isinstance(job, Job)
    return job


@contextmanager
def commands_of(redis: Redis) -> Iterator[list[int]]:
    """Count the commands that Redis runs meanwhile, those of scripts included; the number is there at the end."""

    def calls() -> int:
        return sum(int(each["calls"]) for each in redis.info("commandstats").values())

    spent: list[int] = []
    before = calls()
    yield spent
    # The first look at the statistics is in the second.
    spent.append(calls() - before - 1)


def test_the_largest_job(core: Core, hand: Any) -> None:
    job = submit(hand)
    assert len(job.tasks) == TRAININGS + 1
    assert core.dispatcher.waiting("gpu") >= TRAININGS
    assert core.redis.zcount(READY, 1, "+inf") == TRAININGS  # all were announced
    shown = jobs.view(core, job.id)
    assert shown.progress is not None
    assert shown.progress.total == 2 * len(ARCHITECTURES) * TRIALS * (20 * 5 * 27 + 2 * 100)

    first = job.tasks[0].name
    with commands_of(core.redis) as spent:
        hand.finish(hand.claim(job.id, first))
    assert spent[0] < FEW, spent

    canceled = jobs.cancel(core, job.id)
    assert canceled.state is JobState.CANCELED
    assert [task.state for task in canceled.tasks] == [JobState.SUCCEEDED] + [JobState.CANCELED] * TRAININGS

    again, _ = jobs.retry(core, job.id)
    assert [task.name for task in again.tasks if task.state is JobState.SUCCEEDED] == [first]


def test_waiting_tasks_are_looked_at_together(core: Core, hand: Any) -> None:
    job = submit(hand)
    for task in job.tasks[:-1]:
        core.redis.zadd(READY, {f"{job.id} {task.name}": 1}, xx=True)
    waiting = core.dispatcher.waiting("gpu")
    with commands_of(core.redis) as spent:
        assert reaper.reap_once(core)
    assert core.dispatcher.waiting("gpu") == waiting
    assert spent[0] < TRAININGS + FEW, spent
