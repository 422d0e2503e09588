"""Tenants take turns, whatever one of them has queued."""

from collections import Counter
from typing import Any

import pytest

from service.core.clients import Core, open_core
from service.core.foundation.ids import new_id
from service.core.foundation.settings import Settings
from service.core.lifecycle import tasks


@pytest.fixture
def queue(core: Core, spec_of: Any) -> Any:
    """Record a job of a tenant with so many tasks that are ready, and return its id."""

    def record(tenant: str, names: int = 1, of: str = "cpu") -> str:
        job_id = new_id("job")
        spec = spec_of({f"task {number}": [] for number in range(names)})
        spec["fields"]["tenant"] = tenant
        for task in spec["tasks"]:
            task["fields"]["queue"] = of
        assert core.store.submit(job_id, spec).outcome == "created"
        return job_id

    return record


def take(core: Core, limit: int | None = None) -> tuple[str, str] | None:
    found = core.store.next_in_turn("cpu", limit)
    if found is not None:
        assert core.store.claim(*found, "worker", 30, limit) is not None
    return found


def end(core: Core, job_id: str, task: str) -> None:
    assert core.store.finish(job_id, task, 1, "failed", '{"code": "internal"}', 3).outcome == "failed"


def test_one_job_is_not_behind_five_thousand_of_another_tenant(core: Core, queue: Any) -> None:
    for _ in range(50):
        queue("crowd", 100)
    first = take(core)
    assert first is not None
    single = queue("single")
    assert take(core) == (single, "task 0")


def test_slots_are_shared_evenly_and_a_tenants_own_tasks_keep_their_order(core: Core, queue: Any) -> None:
    crowd, some = queue("crowd", 40), queue("some", 4)
    taken = [take(core) for _ in range(12)]
    assert Counter(job for job, _ in taken[:8]) == {crowd: 4, some: 4}  # type: ignore[misc]
    for job in (crowd, some):
        assert [task for owner, task in taken if owner == job] == [  # type: ignore[misc]
            f"task {number}" for number in range(8 if job == crowd else 4)
        ]


def test_with_one_slot_a_tenant_that_comes_back_does_not_push_in(core: Core, queue: Any) -> None:
    queue("crowd", 10)
    turns = []
    for _ in range(6):
        queue("returning")
        found = take(core)
        assert found is not None
        turns.append(core.redis.hget(f"ladd:job:{found[0]}", "tenant"))
        end(core, *found)
        if turns[-1] == "crowd":
            queue("crowd", 10)
    assert Counter(turns) == {"crowd": 3, "returning": 3}


def test_a_task_that_its_worker_gave_back_is_next_and_one_that_failed_is_last(core: Core, queue: Any) -> None:
    job = queue("ours", 4)
    given_back, failed = take(core) or ("", ""), take(core) or ("", "")
    assert core.store.finish(*failed, 1, "retry", '{"code": "internal"}', 3).outcome == "queued"
    assert core.store.finish(*given_back, 1, "released", "", 3).outcome == "queued"
    assert [take(core) for _ in range(4)] == [(job, f"task {number}") for number in (0, 2, 3, 1)]


def test_a_task_that_was_moved_is_next_in_its_new_queue(core: Core, queue: Any) -> None:
    long, waiting, other = queue("ours"), queue("ours"), queue("ours", of="gpu")
    assert take(core) == (long, "task 0")
    assert core.store.finish(long, "task 0", 1, "moved", "gpu", 3).outcome == "queued"
    assert core.store.next_in_turn("cpu", None) == (waiting, "task 0")
    for job in (long, other):
        assert core.store.next_in_turn("gpu", None) == (job, "task 0")
        assert core.store.claim(job, "task 0", "worker", 30)


def test_what_was_canceled_or_lost_stands_in_no_line(core: Core, queue: Any) -> None:
    canceled, gone = queue("ours"), queue("ours")
    core.store.cancel(canceled)
    core.redis.delete(f"ladd:task:{gone}:task 0")
    assert take(core) is None
    assert core.redis.keys("ladd:ready:*") == []


def test_a_tenant_runs_no_more_tasks_than_its_quota_and_the_rest_wait(core: Core, queue: Any) -> None:
    crowd, other = queue("crowd", 5), queue("other", 1)
    taken = [take(core, limit=2) for _ in range(4)]
    assert Counter(found and found[0] for found in taken) == {crowd: 2, other: 1, None: 1}
    assert core.store.claim(crowd, "task 4", "worker", 30, 2) is None
    held = next(found for found in taken if found and found[0] == crowd)
    assert core.store.finish(*held, 1, "released", "", 3).outcome == "queued"
    assert (take(core, limit=2) or ("",))[0] == crowd
    assert take(core, limit=2) is None


def test_the_quota_is_a_setting(settings: Settings, hand: Any) -> None:
    core = open_core(settings.model_copy(update={"quota_running_tasks": 1}))
    jobs = [hand.upload().job for _ in range(2)]
    claimed = tasks.claim_next(core, "io", "worker")
    assert claimed is not None
    assert claimed.job_id == jobs[0]
    assert tasks.claim_next(core, "io", "worker") is None
    assert tasks.release(core, claimed)
    assert tasks.claim_next(core, "io", "worker") is not None
    core.close()
