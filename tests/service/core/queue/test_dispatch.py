"""Wake-ups travel as Celery messages that any worker of the queue can read."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation.errors import ServiceError
from service.core.foundation.protocol import PROTOCOL
from service.core.foundation.redis_keys import READY
from service.core.foundation.settings import Settings

SubmitGraph = Callable[[dict[str, list[str]]], str]


@pytest.fixture
def disconnected(settings: Settings) -> Iterator[Core]:
    with closing(open_core(settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"}))) as core:
        yield core


def test_a_wake_up_names_job_and_task(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.dispatcher.announce(job_id, ["only"])
    assert core.dispatcher.waiting("cpu") == 1
    assert core.dispatcher.waiting("gpu") == 0
    message = json.loads(str(core.redis.lindex("cpu", 0)))
    assert message["headers"]["task"] == "ladd.wake"
    assert message["headers"]["ladd_protocol"] == PROTOCOL
    assert json.loads(base64.b64decode(message["body"]))[0] == [job_id, "only"]
    assert abs(float(core.redis.zscore(READY, f"{job_id} only") or 0) - core.store.now()) < 60_000


def test_wake_ups_reach_the_queue_after_redis_lost_everything(core: Core, submit_graph: SubmitGraph) -> None:
    core.dispatcher.wake("job", "task", "cpu")
    core.redis.flushall()
    core.dispatcher.wake("job", "task", "cpu")
    assert core.dispatcher.waiting("cpu") == 1


def test_a_claimed_task_is_not_ready_again_by_a_late_announcement(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    core.dispatcher.announce(job_id, ["only"])
    assert core.redis.zcard(READY) == 0


def test_unheard_are_those_whose_queue_is_empty(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"a": [], "b": [], "c": []})
    assert core.store.claim(job_id, "c", "worker", 30) == 1
    assert core.store.finish(job_id, "c", 1, "moved", "gpu", 3).outcome == "queued"
    core.redis.zadd(READY, {f"{job_id} {name}": when for name, when in (("a", 1), ("b", 5), ("c", 2))})
    assert sorted(core.dispatcher.unheard(9, 10)) == [(job_id, "a"), (job_id, "b"), (job_id, "c")]
    assert len(core.dispatcher.unheard(9, 2)) == 2
    assert core.dispatcher.unheard(1, 10) == [(job_id, "a")]
    core.dispatcher.wake(job_id, "a", "cpu")
    assert core.dispatcher.unheard(9, 10) == [(job_id, "c")]


def test_a_broker_that_does_not_answer_is_told_as_such(disconnected: Core) -> None:
    with pytest.raises(ServiceError, match="task queue") as caught:
        disconnected.dispatcher.wake("job", "task", "cpu")
    assert caught.value.code is ErrorCode.UNAVAILABLE


def test_a_job_is_accepted_when_only_its_wake_up_fails(
    core: Core, disconnected: Core, submit_graph: SubmitGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.dispatcher, "wake", disconnected.dispatcher.wake)
    job_id = submit_graph({"only": []})
    core.dispatcher.announce(job_id, ["only"])
    assert core.redis.zscore(READY, f"{job_id} only") == 0
