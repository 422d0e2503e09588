"""A task that failed on a worker goes to another while one is alive and fit, and attempts count by distinct workers."""

import json
from collections.abc import Callable

import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.queue import workers
from service.core.queue.store import Finished, Happened
from service.core.queue.workers import FORGOTTEN_SECONDS, SILENT_SECONDS, Sign

SubmitGraph = Callable[[dict[str, list[str]]], str]

MAX_ATTEMPTS = 3
ERROR = TaskError(code=ErrorCode.RUNNER_FAILED, origin=ErrorOrigin.WORKER, message="it died", reasons=[])


@pytest.fixture
def job(submit_graph: SubmitGraph) -> str:
    return submit_graph({"only": []})


def beat(core: Core, worker: str, free: int = 1, queue: str = "cpu", trouble: str = "") -> None:
    workers.beat(core.redis, worker, Sign({queue: free}, trouble))


def fall_silent(core: Core, worker: str, seconds: int = SILENT_SECONDS) -> None:
    sign = json.loads(str(core.redis.hget(redis_keys.WORKERS, worker)))
    core.redis.hset(redis_keys.WORKERS, worker, json.dumps(sign | {"expires": sign["expires"] - seconds}))


def fail(
    core: Core, job: str, worker: str, happened: Happened = "retry", alone: int | None = None, task: str = "only"
) -> Finished:
    attempt = core.store.claim(job, task, worker, 600)
    assert attempt is not None
    return core.store.finish(job, task, attempt, happened, ERROR.model_dump_json(), MAX_ATTEMPTS, alone)


def test_a_task_is_left_to_a_worker_that_has_not_failed_at_it(core: Core, job: str) -> None:
    beat(core, "first")
    beat(core, "second")
    assert fail(core, job, "first") == Finished("queued", ["only"])
    assert core.store.claim(job, "only", "first", 600) is None
    assert core.store.next_in_turn("cpu", None, "first") is None
    assert core.store.is_left(job, "only", "first")
    assert core.store.next_in_turn("cpu", None, "second") == (job, "only")
    assert not core.store.is_left(job, "only", "second")
    assert core.store.claim(job, "only", "second", 600) == 2


@pytest.mark.parametrize("away", ["silent", "unfit", "elsewhere", "busy", "gone"])
def test_nobody_is_waited_for_who_cannot_take_it(core: Core, job: str, away: str) -> None:
    beat(core, "first")
    beat(
        core,
        "second",
        free=0 if away == "busy" else 1,
        queue="gpu" if away == "elsewhere" else "cpu",
        trouble="its disk is full" if away == "unfit" else "",
    )
    if away == "silent":
        fall_silent(core, "second")
    if away == "gone":
        workers.leave(core.redis, "second")
    fail(core, job, "first")
    assert core.store.next_in_turn("cpu", None, "first") == (job, "only")
    assert core.store.claim(job, "only", "first", 600) == 2


def test_others_in_the_line_are_not_held_up(core: Core, submit_graph: SubmitGraph) -> None:
    beat(core, "first")
    beat(core, "second")
    job = submit_graph({"one": [], "two": [], "three": []})
    fail(core, job, "first", task="one")
    fail(core, job, "first", task="two")
    assert core.store.next_in_turn("cpu", None, "first") == (job, "three")
    assert core.store.claim(job, "three", "first", 600) == 1
    assert core.store.next_in_turn("cpu", None, "first") is None
    assert core.store.next_in_turn("cpu", None, "second") == (job, "one")


def test_as_many_workers_may_fail_as_there_are_attempts(core: Core, job: str) -> None:
    for worker in ("first", "second", "third", "fourth"):
        beat(core, worker)
    assert fail(core, job, "first").outcome == "queued"
    assert fail(core, job, "second").outcome == "queued"
    assert fail(core, job, "third").outcome == "failed"


def test_a_lone_worker_tries_as_often(core: Core, job: str) -> None:
    beat(core, "only worker")
    assert [fail(core, job, "only worker").outcome for _ in range(MAX_ATTEMPTS)] == ["queued", "queued", "failed"]


def test_a_task_that_one_worker_has_used_up_waits_for_another(core: Core, job: str) -> None:
    beat(core, "first")
    beat(core, "second", free=0)
    assert [fail(core, job, "first").outcome for _ in range(MAX_ATTEMPTS)] == ["queued"] * MAX_ATTEMPTS
    assert core.store.claim(job, "only", "first", 600) is None
    assert fail(core, job, "second").outcome == "failed"


def test_a_task_does_not_wait_for_a_worker_that_went(core: Core, job: str) -> None:
    beat(core, "first")
    beat(core, "second", free=0)
    for _ in range(MAX_ATTEMPTS):
        fail(core, job, "first")
    fall_silent(core, "second")
    assert fail(core, job, "first").outcome == "failed"


@pytest.mark.parametrize("other", [False, True])
def test_what_is_not_to_be_repeated_is_tried_by_another_worker_alone(core: Core, job: str, other: bool) -> None:
    beat(core, "first")
    if other:
        beat(core, "second", free=0)
    assert fail(core, job, "first", alone=1).outcome == ("queued" if other else "failed")
    assert core.store.claim(job, "only", "first", 600) is None


def test_what_the_input_is_to_blame_for_is_final_at_once(core: Core, job: str) -> None:
    beat(core, "first")
    beat(core, "second")
    assert fail(core, job, "first", "failed").outcome == "failed"


def test_a_lost_lease_counts_for_the_worker_that_lost_it(core: Core, job: str) -> None:
    beat(core, "first")
    beat(core, "second")
    assert core.store.claim(job, "only", "first", 600) == 1
    core.redis.zadd(redis_keys.LEASES, {f"{job} only": 1})
    core.store.finish(job, "only", 0, "lost", ERROR.model_dump_json(), MAX_ATTEMPTS)
    assert core.store.claim(job, "only", "first", 600) is None
    assert core.store.claim(job, "only", "second", 600) == 2


def test_signs_are_read_as_written_and_silent_workers_are_forgotten_in_the_end(core: Core) -> None:
    beat(core, "first", trouble="its disk is full")
    beat(core, "second", free=4)
    fall_silent(core, "first", SILENT_SECONDS + FORGOTTEN_SECONDS - 60)
    beat(core, "second", free=3)
    known = workers.known(core.redis)
    assert (known["first"].trouble, known["second"].queues) == ("its disk is full", {"cpu": 3})
    fall_silent(core, "first", 120)
    beat(core, "second")
    assert set(workers.known(core.redis)) == {"second"}


def test_a_sign_of_a_newer_worker_is_read(core: Core) -> None:
    beat(core, "newer")
    sign = json.loads(str(core.redis.hget(redis_keys.WORKERS, "newer")))
    core.redis.hset(redis_keys.WORKERS, "newer", json.dumps(sign | {"a field of": "tomorrow"}))
    assert workers.known(core.redis)["newer"].queues == {"cpu": 1}
