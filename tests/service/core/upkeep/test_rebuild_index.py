"""Redis is wiped; what the object storage knows comes back."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api_schemas.jobs import Job, JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.redis_keys import INDEX_LOCK, INDEXED
from service.core.lifecycle import tasks
from service.core.resources import datasets, jobs, labelers
from service.core.upkeep.reaper import reap_once
from service.core.upkeep.rebuild_index import Restored, rebuild_index


def dump(core: Core) -> dict[str, Any]:
    """Everything that a caller can see, and who owns which blob."""
    listed = jobs.page(core, limit=100).items
    found: dict[str, Any] = {job.id: jobs.view(core, job.id).model_dump() for job in listed}
    for job in listed:
        try:
            found[f"report of {job.id}"] = jobs.report(core, job.id).model_dump()
        except ServiceError as error:
            found[f"report of {job.id}"] = error.code
    found["datasets"] = datasets.page(core, limit=100).model_dump()
    found["labelers"] = labelers.page(core, limit=100).model_dump()
    found["blobs"] = owners(core.redis)
    for tenant in ("default", "theirs"):
        found[tenant] = [core.redis.zrange(f"ladd:{what}:{tenant}", 0, -1) for what in ("jobs", "datasets", "labelers")]
        found[tenant].append(core.redis.hgetall(f"ladd:stored:{tenant}"))
    return found


def owners(redis: Redis) -> dict[str, list[str]]:
    return {key: sorted(map(str, redis.smembers(key))) for key in sorted(redis.scan_iter("ladd:blob*"))}


def unfinished(core: Core, hand: Any) -> Job:
    """A `ladd` job of which the labeler and one trial are done, after an attempt that failed."""
    job: Job = hand.submit("ladd", dataset=ready_pair(hand), evaluation={"architectures": ["ViT"], "trials": 1})
    tasks.release(core, hand.claim(job.id, "train_labeler"))
    hand.work(job.id, until="evaluate:ladd:ViT:0")
    return jobs.view(core, job.id)


def ready_pair(hand: Any) -> str:
    found: str = hand.ready_set(source_dataset=hand.ready_set("source"))
    return found


@pytest.fixture
def ended(core: Core, hand: Any, ladd: Job) -> list[str]:
    """Jobs that succeeded, failed, were canceled, and one that was retried."""
    hand.work(ladd.id)
    dataset = ladd.params["dataset"]
    failed = hand.submit("ladd", dataset=dataset, evaluation={"architectures": ["ViT"], "trials": 1}, tags={"a": "b"})
    hand.work(failed.id, until="generate_labels")
    hand.fail(hand.claim(failed.id, "generate_labels"))
    retried, _ = jobs.retry(core, failed.id)
    hand.work(retried.id)
    canceled = hand.submit(
        "generate_labels", dataset=dataset, labeler=hand.trained_labeler(ladd.params["source_dataset"])
    )
    jobs.cancel(core, canceled.id)
    rejected = hand.upload()
    hand.fail(hand.claim(rejected.job, "ingest"))
    theirs = type(hand)(core.acting_for("theirs"), hand.folder / "theirs")
    theirs.folder.mkdir()
    theirs.work(theirs.upload().job)
    deleted = hand.ready_set()
    datasets.delete(core, deleted)
    return [ladd.id, failed.id, retried.id, canceled.id, rejected.job]


def test_what_has_ended_comes_back_as_it_was(core: Core, hand: Any, ended: list[str]) -> None:
    before = dump(core)
    core.redis.flushall()
    restored = rebuild_index(core)
    assert dump(core) == before
    assert restored.unfinished_jobs == 0
    assert restored.finished_jobs >= len(ended)
    assert core.redis.exists(INDEXED)
    reap_once(core)
    assert rebuild_index(core) == Restored(0, 0, 0, 0)
    assert dump(core) == before


def test_an_unfinished_job_goes_on(core: Core, hand: Any) -> None:
    job = unfinished(core, hand)
    waiting = hand.upload()
    claimed = hand.claim(job.id, "evaluate:ladd:ViT:0")
    seen = {entry.id for entry in datasets.page(core, limit=100).items}
    blobs = owners(core.redis)
    core.redis.flushall()
    restored = rebuild_index(core)
    assert (restored.unfinished_jobs, restored.labelers) == (2, 1)
    assert {entry.id for entry in datasets.page(core, limit=100).items} == seen
    assert owners(core.redis) == blobs
    assert core.redis.smembers(f"ladd:dataset:{waiting.id}:jobs") == {waiting.job}
    again = jobs.view(core, job.id)
    assert (again.state, again.params, again.created_at) == (JobState.RUNNING, job.params, job.created_at)
    assert [task.state for task in again.tasks] == [task.state for task in job.tasks]
    assert (again.cost and again.cost.predicted) == (job.cost and job.cost.predicted)
    # Seconds of attempts that did not succeed are forgotten.
    newest = {task.name: task.attempts[-1] for task in again.tasks if task.attempts}
    assert [attempt.outcome for attempt in newest.values()] == ["succeeded"] * 3
    assert newest["train_labeler"].number == 2
    # A worker of before the loss has no say any more, and no attempt has a number that it could take for its own.
    assert tasks.renew(core, claimed) == "lost"
    anew = hand.claim(job.id, "evaluate:ladd:ViT:0")
    assert anew.attempt == 1001
    assert tasks.renew(core, claimed) == "lost"
    assert not hand.finish(claimed)
    assert hand.finish(anew)
    assert hand.work(job.id).state is JobState.SUCCEEDED
    assert hand.work(waiting.job).state is JobState.SUCCEEDED


def test_a_job_whose_end_was_not_noted_has_ended(core: Core, hand: Any, ladd: Job) -> None:
    done = hand.work(ladd.id)
    core.storage.delete(f"jobs/{ladd.id}/end.json")
    core.redis.flushall()
    assert rebuild_index(core).unfinished_jobs == 0
    again = jobs.view(core, ladd.id)
    assert (again.state, again.result) == (done.state, done.result)
    reap_once(core)
    assert core.storage.get_json(f"jobs/{ladd.id}/end.json") is not None


def test_an_idempotency_key_is_remembered(core: Core, hand: Any) -> None:
    asked: dict[str, Any] = {"dataset": ready_pair(hand), "evaluation": {"architectures": ["ViT"], "trials": 1}}
    job = hand.submit("ladd", key="once", **asked)
    core.redis.flushall()
    rebuild_index(core)
    assert hand.submit("ladd", key="once", **asked).id == job.id


def test_beside_a_submission(core: Core, hand: Any, monkeypatch: Any) -> None:
    """The index is rebuilt between the request's storing and its recording: the job is there once."""
    dataset = ready_pair(hand)
    submit: Callable[..., Any] = core.store.submit

    def late(job_id: str, spec: dict[str, Any]) -> Any:
        monkeypatch.undo()
        assert rebuild_index(core).unfinished_jobs == 1
        return submit(job_id, spec)

    monkeypatch.setattr(core.store, "submit", late)
    job = hand.submit("ladd", dataset=dataset, evaluation={"architectures": ["ViT"], "trials": 1})
    assert len({task.name for task in job.tasks}) == len(job.tasks)
    assert hand.work(job.id).state is JobState.SUCCEEDED


def test_one_at_a_time(core: Core, refused: Any) -> None:
    with core.redis.lock(INDEX_LOCK, timeout=10), refused(ErrorCode.UNAVAILABLE):
        rebuild_index(core)
