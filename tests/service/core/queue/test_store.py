"""The scripts under concurrency: one winner, one effect."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis.connection import Connection
from redis.exceptions import ConnectionError

from service.core.clients import Core
from service.core.foundation.redis_keys import READY
from service.core.resources import events

THREADS = 16


def together(action: Callable[[int], Any], times: int) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(action, range(times)))


SubmitGraph = Callable[[dict[str, list[str]]], str]
SpecOf = Callable[..., dict[str, Any]]


MADE = json.dumps({"result": "key", "job_result": "", "index": False, "counted": {}})


def test_of_many_claimers_of_one_task_one_wins(core: Core, submit_graph: SubmitGraph) -> None:
    for _ in range(5):
        job_id = submit_graph({"only": []})
        won = together(lambda number, job=job_id: core.store.claim(job, "only", f"worker {number}", 30), 100)  # type: ignore[misc]
        assert Counter(won) == {None: 99, 1: 1}
        job = core.store.load(job_id)
        assert job is not None
        assert job.tasks[0].attempts[0].worker == f"worker {won.index(1)}"


def test_each_of_many_tasks_is_claimed_once(core: Core, submit_graph: SubmitGraph) -> None:
    names = [f"task {number}" for number in range(150)]
    job_id = submit_graph({name: [] for name in names})
    won = together(lambda number: core.store.claim(job_id, names[number % 150], f"worker {number}", 30), 300)
    assert Counter(won) == {None: 150, 1: 150}


def test_tasks_that_end_together_start_the_last_one_once(core: Core, submit_graph: SubmitGraph) -> None:
    names = [f"part {number}" for number in range(64)]
    job_id = submit_graph({name: [] for name in names} | {"last": names})
    for name in names:
        assert core.store.claim(job_id, name, "worker", 30) == 1
    finished = together(lambda number: core.store.finish(job_id, names[number], 1, "succeeded", MADE, 3), len(names))
    assert [ready for one in finished for ready in one.ready] == ["last"]
    assert core.redis.zrange(READY, 0, -1) == [f"{job_id} last"]


def test_one_success_counts_once(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"first": [], "second": [], "last": ["first", "second"]})
    core.store.claim(job_id, "first", "worker", 30)
    outcomes = together(lambda _: core.store.finish(job_id, "first", 1, "succeeded", MADE, 3).outcome, 50)
    assert Counter(outcomes) == {"succeeded": 1, "refused": 49}
    job = core.store.load(job_id)
    assert job is not None
    assert job.tasks[2].fields["waiting"] == "1"


def test_success_and_cancellation_at_once_leave_one_of_them(core: Core, submit_graph: SubmitGraph) -> None:
    for _ in range(20):
        job_id = submit_graph({"only": []})
        core.store.claim(job_id, "only", "worker", 30)

        def act(number: int, job_id: str = job_id) -> str:
            if number % 2:
                return core.store.cancel(job_id)
            return core.store.finish(job_id, "only", 1, "succeeded", MADE, 3).outcome

        outcomes = together(act, 8)
        job = core.store.load(job_id)
        assert job is not None
        assert job.state == job.tasks[0].state
        assert job.state == ("succeeded" if "succeeded" in outcomes[::2] else "canceled")


def test_submissions_with_one_key_make_one_job(core: Core, spec_of: SpecOf) -> None:
    results = together(
        lambda number: core.store.submit(
            f"job_{number}", spec_of({"only": []}, key="k", digest="same" if number % 2 else "other")
        ),
        60,
    )
    assert Counter(result.outcome for result in results) == {"created": 1, "exists": 29, "reused": 30}
    assert len({result.id for result in results}) == 1
    assert core.redis.zcard("ladd:jobs") == 1
    assert 0 < core.redis.ttl("ladd:idempotency:k") <= 60


def test_retries_of_one_job_make_one_job(core: Core, spec_of: SpecOf) -> None:
    core.store.submit("job_old", spec_of({}))
    results = together(lambda number: core.store.submit(f"job_{number}", spec_of({}, retry_of="job_old")), 40)
    assert Counter(result.outcome for result in results) == {"created": 1, "exists": 39}
    assert len({result.id for result in results}) == 1


def test_a_job_over_a_missing_dataset_is_not_recorded(core: Core, spec_of: SpecOf) -> None:
    result = core.store.submit("job_a", spec_of({"only": []}, reads=["ds_gone"], key="k", digest="d"))
    assert (result.outcome, result.id) == ("missing", "ds_gone")
    assert core.redis.keys("ladd:*") == []


def test_an_unknown_job_or_task_is_not_there_to_take(core: Core, submit_graph: SubmitGraph) -> None:
    assert core.store.claim("job_none", "only", "worker", 30) is None
    assert core.store.claim(submit_graph({"only": []}), "other", "worker", 30) is None
    assert core.store.load("job_none") is None
    assert core.store.load_many([]) == []


def test_a_claim_whose_answer_is_cut_off_is_won_all_the_same(
    core: Core, submit_graph: SubmitGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit_graph({"first": [], "second": []})
    assert core.store.claim(job_id, "first", "worker", 30) == 1  # Redis knows the script, the connection is open
    read = Connection.read_response
    cut: list[Any] = []

    def read_and_lose(connection: Connection, *arguments: Any, **options: Any) -> Any:
        answer = read(connection, *arguments, **options)
        # A connection that has to be opened first is greeted with "OK".
        if not cut and answer == 1:
            cut.append(answer)
            raise ConnectionError("cut off")
        return answer

    monkeypatch.setattr(Connection, "read_response", read_and_lose)
    assert core.store.claim(job_id, "second", "worker", 30) == 1
    assert cut == [1]
    assert core.store.claim(job_id, "second", "worker", 30) is None
    states = [event for event in events.read(core, job_id, None, 10) if event.task == "second"]
    assert len(states) == 1


@pytest.mark.parametrize("worker", ['"quoted" \\ and / slashed', "näme 🚀"])
def test_names_of_workers_come_back_as_they_were(core: Core, submit_graph: SubmitGraph, worker: str) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", worker, 30)
    assert events.read(core, job_id, None, 10)[-1].data == {"state": "running", "attempt": 1, "worker": worker}


def test_of_a_retry_and_a_deletion_one_wins(core: Core, submit_graph: SubmitGraph, spec_of: SpecOf) -> None:
    for _ in range(10):
        job_id = submit_graph({"only": []})
        core.store.cancel(job_id)
        core.store.done(f"close {job_id}")
        retry = spec_of({"only": []}, retry_of=job_id)
        with ThreadPoolExecutor(2) as pool:
            forgotten = pool.submit(core.store.forget, job_id)
            retried = pool.submit(core.store.submit, f"{job_id}-again", retry)
        ends = (forgotten.result(), retried.result().outcome)
        assert ends in ((True, "missing"), (False, "created"))
        assert core.redis.exists(f"ladd:job:{job_id}") == (not forgotten.result())
