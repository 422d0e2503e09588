"""Lost leases come back, lost wake-ups are sent again, what failed in the outbox is carried out."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.redis_keys import OUTBOX, READY
from service.core.foundation.settings import Settings
from service.core.lifecycle import outbox, tasks
from service.core.objects.storage import Storage
from service.core.resources import jobs
from service.core.upkeep import reaper

SubmitGraph = Callable[[dict[str, list[str]]], str]


def woken(core: Core) -> int:
    return core.dispatcher.waiting("cpu")


def test_a_lost_wake_up_is_sent_again_when_its_queue_is_empty(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    assert woken(core) == 0
    reaper.reap_once(core)
    assert woken(core) == 1
    # It waits, so it is not lost.
    core.redis.zadd(READY, {f"{job_id} only": 1})
    reaper.reap_once(core)
    assert woken(core) == 1
    # A worker took it a moment ago, and is about to claim.
    core.redis.delete("cpu")
    core.redis.zadd(READY, {f"{job_id} only": core.store.now()})
    reaper.reap_once(core)
    assert woken(core) == 0
    core.redis.zadd(READY, {f"{job_id} only": core.store.now() - 60_000})
    reaper.reap_once(core)
    assert woken(core) == 1
    assert core.store.claim(job_id, "only", "worker", 30) == 1
    core.redis.delete("cpu")
    reaper.reap_once(core)
    assert woken(core) == 0


def test_a_lost_lease_wakes_another_worker(settings: Settings, submit_graph: SubmitGraph) -> None:
    with closing(open_core(settings.model_copy(update={"lease_seconds": 1}))) as core:
        job_id = submit_graph({"only": []})
        assert core.store.claim(job_id, "only", "worker", 0.05) == 1
        threading.Event().wait(0.1)
        assert reaper.reap_once(core)
        assert woken(core) == 1
        job = core.store.load(job_id)
        assert job is not None
        assert (job.state, job.tasks[0].state) == (JobState.RUNNING, JobState.QUEUED)
        error = job.tasks[0].attempts[0].error
        assert error is not None
        assert error.code is ErrorCode.WORKER_LOST


def test_one_process_looks_at_a_time(core: Core) -> None:
    with core.redis.lock(redis_keys.REAPER_LOCK, timeout=10):
        assert not reaper.reap_once(core)
    assert reaper.reap_once(core)
    assert core.redis.get(redis_keys.REAPER_LOCK) is None


def test_many_reapers_count_one_loss(settings: Settings, core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 0.01)
    threading.Event().wait(0.05)
    lost: list[bool] = []
    threads = [threading.Thread(target=lambda: lost.append(tasks.lose(core, job_id, "only"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lost) == [False] * 19 + [True]
    assert woken(core) == 1


def test_the_outbox_is_attended_after_an_outage(core: Core, hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = hand.ready_set()
    waiting = hand.upload()

    def out(*_: Any, **__: Any) -> None:
        raise ServiceError(ErrorCode.UNAVAILABLE, "out")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", out)
        jobs.cancel(core, waiting.job)
        core.catalogue.delete_dataset(dataset)
        outbox.attend(core, f"delete {dataset}")
        assert len(core.store.due()) == 2
        reaper.reap_once(core)
        assert len(core.store.due()) == 2
    assert core.storage.list_keys(f"datasets/{dataset}/") != []
    reaper.reap_once(core)
    assert core.store.due() == []
    assert core.storage.list_keys(f"datasets/{dataset}/") == []
    assert core.storage.list_keys("uploads/") == []
    assert core.storage.list_keys("blobs/") == []


def test_entries_of_the_outbox_that_take_long_do_not_keep_the_reaper_from_the_leases(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.redis.sadd(OUTBOX, "close job_a", "close job_b", "close job_c")
    tried: list[str] = []

    def hang(core: Core, entry: str) -> None:
        tried.append(entry)
        threading.Event().wait(0.1)

    monkeypatch.setattr(outbox, "attend", hang)
    monkeypatch.setattr(reaper, "LOCK_SECONDS", 0.05)
    assert reaper.reap_once(core)
    assert len(tried) == 1
    # Nor does one that fails keep the others from being tried.
    for _ in range(100):
        if len(set(tried)) < 3:
            reaper.reap_once(core)
    assert len(set(tried)) == 3


def test_the_reaper_survives_an_outage_and_stops_when_told(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0", "reaper_seconds": 0.05})
    stop = threading.Event()
    with closing(open_core(nowhere)) as core:
        thread = threading.Thread(target=reaper.run_reaper, args=[core, stop])
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_a_reaper_that_was_killed_holds_the_others_up_no_longer_than_the_lock(core: Core) -> None:
    core.redis.lock(redis_keys.REAPER_LOCK, timeout=reaper.LOCK_SECONDS).acquire()
    assert not reaper.reap_once(core)
    assert 0 < core.redis.pttl(redis_keys.REAPER_LOCK) <= 10_000
    core.redis.pexpire(redis_keys.REAPER_LOCK, 1)
    threading.Event().wait(0.01)
    assert reaper.reap_once(core)
