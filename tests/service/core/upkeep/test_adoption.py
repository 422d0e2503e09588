"""Lists lose nothing that an earlier version wrote, or writes beside this one."""

from typing import Any

import pytest

from api_schemas.datasets import DatasetState
from api_schemas.jobs import Job, JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.listing import EVERYTHING, Asked
from service.core.foundation.redis_keys import LISTED
from service.core.resources import datasets, jobs, labelers
from service.core.upkeep import adoption
from service.core.upkeep.adoption import list_what_is_not, list_when_due


def as_before(core: Core) -> None:
    """Leave of everything what version 0.2 would have written."""
    core.redis.delete(*core.redis.keys("ladd:index:*"), LISTED)
    for key in [*core.redis.keys("ladd:job:*"), *core.redis.keys("ladd:dataset:*"), *core.redis.keys("ladd:labeler:*")]:
        if core.redis.type(key) == "hash":
            core.redis.hdel(key, "member", "facets", "listed", "name", "priority", "summary")


def shown(core: Core, asked: Asked = EVERYTHING) -> list[list[str]]:
    pages = (jobs.page(core, asked), datasets.page(core, asked), labelers.page(core, asked))
    return [[item.id for item in page.items] for page in pages]


@pytest.fixture
def finished(core: Core, hand: Any, ladd: Job) -> Job:
    """A job that has made a set and a labeler."""
    return hand.work(ladd.id)  # type: ignore[no-any-return]


@pytest.mark.parametrize("chunk", [1, 100])
def test_what_was_there_is_listed_before_and_after(
    core: Core, hand: Any, finished: Job, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "CHUNK", chunk)
    theirs = type(hand)(core.acting_for("theirs"), hand.folder)
    theirs.upload()
    before = [shown(core.acting_for(tenant)) for tenant in ("default", "theirs")]
    assert [len(ids) for ids in before[0]] == [3, 3, 1]
    as_before(core)
    found = [jobs.page(core, asked).items for asked in (EVERYTHING.also(kind="ladd"), Asked(name="ladd"))]
    assert [[job.id for job in items] for items in found] == [[finished.id]] * 2
    for _ in range(2):
        for tenant, ids in zip(("default", "theirs"), before, strict=True):
            # By the time of their ids, which those of sets that jobs make are older than.
            assert [sorted(each) for each in shown(core.acting_for(tenant))] == [sorted(each) for each in ids]
        list_what_is_not(core)
        assert core.redis.exists(LISTED)
    assert [shown(core.acting_for(tenant)) for tenant in ("default", "theirs")] == before
    [again] = jobs.page(core, Asked(name="ladd")).items
    assert (again.id, again.name, again.result and again.result.storage is None) == (finished.id, "ladd", False)


def test_what_an_earlier_version_changes_meanwhile_is_listed_in_time(core: Core, hand: Any, finished: Job) -> None:
    list_what_is_not(core)
    waiting = hand.upload()
    job_key, set_key = redis_keys.job(waiting.job), redis_keys.dataset(waiting.id)
    core.redis.hset(job_key, "state", JobState.FAILED)
    core.redis.hset(set_key, "state", DatasetState.REJECTED)
    failed, rejected = EVERYTHING.also([JobState.FAILED]), EVERYTHING.also([DatasetState.REJECTED])
    assert jobs.page(core, failed).items == []
    list_what_is_not(core)
    assert [job.id for job in jobs.page(core, failed).items] == [waiting.job]
    assert len(core.catalogue.datasets(rejected)[0]) == 1
    # A job that it records has no facets.
    core.redis.zrem(redis_keys.index("ladd:jobs"), *core.redis.zrange(redis_keys.index("ladd:jobs"), 0, -1))
    core.redis.hdel(job_key, "member", "facets", "listed")
    list_what_is_not(core)
    assert [job.id for job in jobs.page(core, failed).items] == [waiting.job]


def test_all_is_compared_bit_by_bit(core: Core, hand: Any, finished: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "CHUNK", 1)
    monkeypatch.setattr(adoption, "CHUNKS_AT_ONCE", 1)
    list_what_is_not(core)
    core.redis.hset(redis_keys.job(finished.id), "state", JobState.FAILED)
    newer = [hand.upload() for _ in range(2)]
    asked = EVERYTHING.also([JobState.FAILED])
    looks = 0
    while not jobs.page(core, asked).items:
        list_what_is_not(core)
        looks += 1
    assert 1 < looks <= 3 + len(newer)


def test_one_process_compares_at_a_time_and_not_all_the_time(core: Core) -> None:
    with core.redis.lock(redis_keys.LISTING_LOCK, timeout=10):
        list_when_due(core)
        assert not core.redis.exists(LISTED)
    list_when_due(core)
    assert not core.redis.exists(LISTED)
    assert 0 < core.redis.pttl(redis_keys.COMPARED) <= core.settings.reaper_seconds * 1000
    core.redis.delete(redis_keys.COMPARED)
    list_when_due(core)
    assert core.redis.exists(LISTED)


def test_one_that_is_forgotten_meanwhile_does_not_come_back(core: Core, hand: Any, finished: Job) -> None:
    as_before(core)
    jobs.delete(core, finished.id)
    list_what_is_not(core)
    assert finished.id not in shown(core)[0]
    assert not any(finished.id in str(entry) for entry in core.redis.zrange(redis_keys.index("ladd:jobs"), 0, -1))
