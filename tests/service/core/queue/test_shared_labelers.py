"""A labeler that two jobs need is trained by one of them, while the other waits."""

from typing import Any

from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.ids import new_id
from service.core.lifecycle import tasks
from service.core.resources import jobs
from tests.service.core.hand import Hand

TASK = "train_labeler"


def two_jobs(hand: Hand) -> list[str]:
    source = hand.ready_set("source")
    return [hand.submit("train_labeler", source_dataset=source, epochs=2, checkpoint_epochs=[2]).id for _ in range(2)]


def test_the_second_waits_and_takes_it(core: Core, hand: Hand) -> None:
    first, second = two_jobs(hand)
    claimed = hand.claim(first, TASK)
    assert tasks.claim(core, second, TASK, "another") is None
    assert tasks.claim_next(core, "gpu", "another") is None
    assert f"{first} trains lb_" in str(jobs.view(core, second).waiting)
    assert hand.finish(claimed)
    assert tasks.claim_next(core, "gpu", "another") is None, "there is nothing left to train"
    job = jobs.view(core, second)
    assert (job.state, job.result and job.result.labeler) == (JobState.SUCCEEDED, claimed_labeler(core, first))
    assert list(core.redis.scan_iter(redis_keys.making("*"))) == []


def claimed_labeler(core: Core, job_id: str) -> Any:
    result = jobs.view(core, job_id).result
    return result and result.labeler


def test_others_go_on_meanwhile(core: Core, hand: Hand) -> None:
    first, _ = two_jobs(hand)
    hand.claim(first, TASK)
    other = hand.submit("train_labeler", source_dataset=hand.ready_set("source"), epochs=3, checkpoint_epochs=[3])
    claimed = tasks.claim_next(core, "gpu", "another")
    assert claimed is not None
    assert claimed.job_id == other.id


def test_the_second_trains_it_where_the_first_has_stopped(core: Core, hand: Hand) -> None:
    first, second = two_jobs(hand)
    claimed = hand.claim(first, TASK)
    jobs.cancel(core, first)
    assert tasks.claim(core, second, TASK, "another") is None, "it is still being stopped"
    assert tasks.canceled(core, claimed)
    assert hand.work(second).state is JobState.SUCCEEDED


def test_a_lease_that_an_earlier_version_ended_holds_up_nobody(core: Core, hand: Hand) -> None:
    first, second = two_jobs(hand)
    hand.claim(first, TASK)
    core.redis.zrem(redis_keys.LEASES, f"{first} {TASK}")
    assert tasks.claim(core, second, TASK, "another") is not None


def test_a_crowd_that_waits_is_in_nobodys_way_and_goes_on_part_by_part(core: Core, spec_of: Any) -> None:
    labeler, crowd = "lb_" + "0" * 26, 250

    def submit() -> str:
        spec = spec_of({TASK: []})
        spec["tasks"][0]["fields"] |= {"queue": "gpu", "makes": labeler}
        job_id = new_id("job")
        assert core.store.submit(job_id, spec).outcome == "created"
        return job_id

    first, *others = [submit() for _ in range(crowd)]
    assert core.store.claim(first, TASK, "worker", 600) == 1
    assert core.store.next_in_turn("gpu", None) is None
    assert core.redis.scard(redis_keys.parked(labeler)) == crowd - 1
    assert core.redis.zcard(redis_keys.READY) == 0
    core.store.unpark()
    assert core.redis.zcard(redis_keys.READY) == 0, "it is still made"
    core.store.cancel(others[0])
    assert core.store.finish(first, TASK, 1, "failed", '{"code": "internal"}', 3).outcome == "failed"
    parts = []
    while core.redis.smembers(redis_keys.PARKED):
        parts.append(core.redis.zcard(redis_keys.READY))
        core.store.unpark()
    assert parts[0] in (99, 100)
    ready = {str(member).partition(" ")[0] for member in core.redis.zrange(redis_keys.READY, 0, -1)}
    assert ready == set(others[1:]), "without the one that was canceled"
    assert core.store.next_in_turn("gpu", None) is not None


def test_who_waited_keeps_the_priority_of_its_job(core: Core, spec_of: Any) -> None:
    labeler = "lb_" + "0" * 26

    def submit(priority: str, makes: str) -> str:
        spec = spec_of({TASK: []})
        spec["fields"]["priority"] = priority
        spec["tasks"][0]["fields"] |= {"queue": "gpu", "makes": makes}
        job_id = new_id("job")
        assert core.store.submit(job_id, spec).outcome == "created"
        return job_id

    first, waiting = submit("0", labeler), submit("5", labeler)
    assert core.store.claim(first, TASK, "worker", 600) == 1
    assert core.store.next_in_turn("gpu", None) is None
    submit("1", "")
    assert core.store.finish(first, TASK, 1, "failed", '{"code": "internal"}', 3).outcome == "failed"
    core.store.unpark()
    assert str(core.store.next_in_turn("gpu", None)).count(waiting) == 1
