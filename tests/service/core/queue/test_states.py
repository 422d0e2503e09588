"""The transition table, and that Redis does as it and the model say, whatever workers, callers and failures do."""

import json
import math
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from redis.exceptions import ResponseError

from api_schemas.jobs import TERMINAL_STATES, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.redis_keys import LEASES, READY
from service.core.foundation.tenants import DEFAULT
from service.core.queue.states import TRANSITIONS
from service.core.queue.store import Happened
from service.core.resources import events
from tests.service.core.queue.job_model import JobModel

MAX_ATTEMPTS = 2
AFTER: dict[str, list[str]] = {"left": [], "right": [], "next": ["left"], "last": ["next", "right"]}
ERROR = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.WORKER, message="it broke", reasons=[])
SUCCEEDED = json.dumps({"result": "key", "job_result": "", "index": False, "counted": {}})
HAPPENED: tuple[Happened, ...] = ("succeeded", "failed", "retry", "lost", "released", "moved", "canceled")
LEASE_SECONDS = 600


@given(st.sampled_from(JobState), st.sampled_from(JobState))
def test_terminal_states_never_change(before: JobState, after: JobState) -> None:
    if before in TERMINAL_STATES:
        assert after not in TRANSITIONS[before]


@pytest.mark.parametrize("state", JobState)
def test_every_state_is_reached_and_left_as_the_design_says(state: JobState) -> None:
    followers = {after.value for after in TRANSITIONS[state]}
    assert followers == {
        "queued": {"running", "canceled", "expired", "failed"},
        "running": {"queued", "canceling", "succeeded", "failed", "canceled"},
        "canceling": {"canceled"},
    }.get(state, set())


def test_redis_refuses_a_step_that_is_not_in_the_table(
    core: Core, submit_graph: Callable[[dict[str, list[str]]], str]
) -> None:
    job = submit_graph({"alone": []})
    attempt = core.store.claim(job, "alone", "worker", LEASE_SECONDS)
    assert attempt is not None
    core.redis.hset(redis_keys.job(job), "state", JobState.EXPIRED)
    with pytest.raises(ResponseError, match="does not go from expired to failed"):
        core.store.finish(job, "alone", attempt, "failed", ERROR.model_dump_json(), MAX_ATTEMPTS)


class JobMachine(RuleBasedStateMachine):
    """Any order of claims, ends by owners and zombies, lost leases and cancellations, in Redis and in the model."""

    core: Core
    submit: Callable[[dict[str, list[str]]], str]

    def __init__(self) -> None:
        super().__init__()
        self.job = type(self).submit(AFTER)
        self.model = JobModel(AFTER, MAX_ATTEMPTS)
        self.attempts: list[tuple[str, int]] = []

    @rule(task=st.sampled_from(sorted(AFTER)))
    def claim(self, task: str) -> None:
        attempt = self.core.store.claim(self.job, task, "worker", LEASE_SECONDS)
        assert attempt == self.model.claim(task)
        if attempt is not None:
            self.attempts.append((task, attempt))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), happened=st.sampled_from(HAPPENED))
    def finish(self, data: st.DataObject, happened: Happened) -> None:
        task, attempt = data.draw(st.sampled_from(self.attempts))
        text = {"succeeded": SUCCEEDED, "moved": "io"}.get(happened, ERROR.model_dump_json())
        found = self.core.store.finish(self.job, task, attempt, happened, text, MAX_ATTEMPTS)
        assert (found.outcome, set(found.ready)) == self.model.finish(task, attempt, happened, text)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        task, attempt = data.draw(st.sampled_from(self.attempts))
        assert self.core.store.renew(self.job, task, attempt, LEASE_SECONDS) == self.model.renew(task, attempt)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        task, attempt = data.draw(st.sampled_from(self.attempts))
        holds = self.model.holds(task, attempt)
        assert self.core.store.record(self.job, task, attempt, "progress", "{}") is holds
        assert self.core.store.note_checkpoint(self.job, task, attempt, {"file": "digest"}) is holds

    @precondition(lambda self: any(task.is_running for task in self.model.tasks.values()))
    @rule(data=st.data())
    def run_out(self, data: st.DataObject) -> None:
        running = [name for name, task in self.model.tasks.items() if task.is_running]
        task = data.draw(st.sampled_from(sorted(running)))
        self.core.redis.zadd(LEASES, {f"{self.job} {task}": 1})
        self.model.run_out(task)

    @rule()
    def cancel(self) -> None:
        assert self.core.store.cancel(self.job) is self.model.cancel()

    @invariant()
    def redis_stands_where_the_model_does(self) -> None:
        job = self.core.store.load(self.job)
        assert job is not None
        assert job.state is self.model.state
        assert {task.name: (task.state, len(task.attempts), task.queue) for task in job.tasks} == {
            name: (task.state, task.attempt, task.queue) for name, task in self.model.tasks.items()
        }
        assert self.names_in(READY) == self.model.ready()
        for queue in ("cpu", "io"):
            ready = {name for name in self.model.ready() if self.model.tasks[name].queue == queue}
            assert self.names_in(redis_keys.ready_line(queue, DEFAULT)) == ready
        overdue = {name for name, task in self.model.tasks.items() if task.is_running and task.overdue}
        assert self.names_in(LEASES) == {name for name, task in self.model.tasks.items() if task.is_running}
        assert self.names_in(LEASES, self.core.store.now()) == overdue

    @invariant()
    def lists_have_the_job_in_its_state_and_in_no_other(self) -> None:
        for listing in (redis_keys.JOBS, redis_keys.own_listing(redis_keys.JOBS, DEFAULT)):
            entries = map(str, self.core.redis.zrange(redis_keys.index(listing), 0, -1))
            found = [entry.split(" ")[:2] for entry in entries if entry.endswith(self.job)]
            assert sorted(found) == [[self.model.state, facet] for facet in ("", "kind=evaluate", "word=evaluate")]

    @invariant()
    def nothing_starts_in_a_job_that_has_ended(self) -> None:
        if self.model.state in TERMINAL_STATES:
            assert not {task.state for task in self.model.tasks.values()} & {JobState.QUEUED, JobState.RUNNING}

    def names_in(self, key: str, up_to: float = math.inf) -> set[str]:
        members = [str(member).split(" ") for member in self.core.redis.zrangebyscore(key, 0, up_to)]
        return {name for job, name in members if job == self.job}

    def teardown(self) -> None:
        """Every step in the log is one the table allows, and the last one is where things stand."""
        path: dict[str, list[JobState]] = defaultdict(list)
        for event in events.read(self.core, self.job, None, 10_000):
            if event.type == "state":
                path[event.task or ""].append(JobState(event.data["state"]))
        assert path[""][0] is JobState.QUEUED
        for name, steps in path.items():
            steps = steps if name == "" else [JobState.QUEUED, *steps]
            assert all(after in TRANSITIONS[before] for before, after in pairwise(steps)), (name, steps)
            assert steps[-1] is (self.model.tasks[name].state if name else self.model.state)
        assert JobState.QUEUED not in path[""][1:]
        lines = [redis_keys.ready_line(queue, DEFAULT) for queue in ("cpu", "io")]
        lists = [redis_keys.JOBS, redis_keys.own_listing(redis_keys.JOBS, DEFAULT)]
        self.core.redis.delete(READY, LEASES, *lines, *map(redis_keys.index, lists))


def test_redis_keeps_to_the_model(core: Core, submit_graph: Callable[[dict[str, list[str]]], str]) -> None:
    JobMachine.core, JobMachine.submit = core, submit_graph
    run_state_machine_as_test(
        JobMachine,
        settings=hypothesis_settings(
            max_examples=100,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )
