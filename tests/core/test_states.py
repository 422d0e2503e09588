"""The transition table, and that Redis keeps to it whatever workers, callers and failures do."""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from api_schemas.jobs import TERMINAL_STATES, JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core import events
from service.core.core import Core
from service.core.states import may_follow
from service.core.store import LEASES, READY, Finished

MAX_ATTEMPTS = 2
AFTER: dict[str, list[str]] = {"left": [], "right": [], "next": ["left"], "last": ["next", "right"]}
ERROR = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.WORKER, message="it broke", reasons=[])
HAPPENED = ("succeeded", "failed", "retry", "released", "canceled")


@given(st.sampled_from(JobState), st.sampled_from(JobState))
def test_terminal_states_never_change(before: JobState, after: JobState) -> None:
    if before in TERMINAL_STATES:
        assert not may_follow(before, after)


@pytest.mark.parametrize("state", JobState)
def test_every_state_is_reached_and_left_as_the_design_says(state: JobState) -> None:
    followers = {after.value for after in JobState if may_follow(state, after)}
    assert followers == {
        "queued": {"running", "canceled", "expired"},
        "running": {"queued", "canceling", "succeeded", "failed", "canceled"},
        "canceling": {"canceled"},
    }.get(state, set())


def succeeded() -> str:
    return json.dumps({"result": "key", "job_result": "", "index": False, "counted": {}})


class JobMachine(RuleBasedStateMachine):
    """Any order of claims, ends of attempts by their owner or a zombie, lost leases and cancellations."""

    core: Core
    submit: Callable[[dict[str, list[str]]], str]

    def __init__(self) -> None:
        super().__init__()
        self.job = type(self).submit(AFTER)
        self.owners: dict[str, int] = {}
        self.zombies: list[tuple[str, int]] = []
        self.final: dict[str, JobState] = {}

    def states(self) -> dict[str, JobState]:
        job = self.core.store.load(self.job)
        assert job is not None
        return {"": job.state} | {task.name: task.state for task in job.tasks}

    def finish(self, task: str, attempt: int, happened: Any) -> Finished:
        text = succeeded() if happened == "succeeded" else ERROR.model_dump_json()
        return self.core.store.finish(self.job, task, attempt, happened, text, MAX_ATTEMPTS)

    @rule(task=st.sampled_from(sorted(AFTER)))
    def claim(self, task: str) -> None:
        before = self.states()
        ready = before[task] is JobState.QUEUED and all(before[name] is JobState.SUCCEEDED for name in AFTER[task])
        next_attempt = len(self.core.store.load(self.job).task(task).attempts) + 1  # type: ignore[union-attr]
        attempt = self.core.store.claim(self.job, task, "worker", lease_seconds=60)
        assert attempt == (next_attempt if ready else None)
        if attempt is not None:
            self.owners[task] = attempt

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), happened=st.sampled_from(HAPPENED))
    def end(self, data: st.DataObject, happened: str) -> None:
        task = data.draw(st.sampled_from(sorted(self.owners)))
        before = self.states()[task]
        outcome = self.finish(task, self.owners[task], happened).outcome
        if before is JobState.CANCELING:
            assert outcome == "canceled"
        elif happened == "canceled":
            assert outcome == "refused"
            return
        else:
            assert (
                outcome
                in {
                    "succeeded": {"succeeded"},
                    "failed": {"failed"},
                    "retry": {"queued", "failed"},
                    "released": {"queued"},
                }[happened]
            )
        self.zombies.append((task, self.owners.pop(task)))

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.owners)))
        assert self.finish(task, 0, "lost").outcome == "refused"
        self.core.redis.zadd(LEASES, {f"{self.job} {task}": 1})
        assert self.finish(task, 0, "lost").outcome in {"queued", "failed", "canceled"}
        self.zombies.append((task, self.owners.pop(task)))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), happened=st.sampled_from(HAPPENED))
    def come_late(self, data: st.DataObject, happened: str) -> None:
        task, attempt = data.draw(st.sampled_from(self.zombies))
        before = self.states()
        assert self.finish(task, attempt, happened).outcome == "refused"
        assert self.core.store.renew(self.job, task, attempt, 60) == "lost"
        assert not self.core.store.record(self.job, task, attempt, "progress", "{}")
        assert not self.core.store.note_checkpoint(self.job, task, attempt, {"file": "digest"})
        assert self.states() == before

    @rule()
    def cancel(self) -> None:
        before = self.states()[""]
        assert self.core.store.cancel(self.job) is before
        if before in (JobState.QUEUED, JobState.RUNNING):
            assert self.states()[""] is (JobState.CANCELING if self.owners else JobState.CANCELED)

    @invariant()
    def what_is_final_stays(self) -> None:
        states = self.states()
        for name, state in self.final.items():
            assert states[name] is state
        self.final = {name: state for name, state in states.items() if state in TERMINAL_STATES}

    @invariant()
    def what_is_ready_is_announced_and_what_runs_is_leased(self) -> None:
        states = self.states()
        ready = {
            name
            for name, after in AFTER.items()
            if states[name] is JobState.QUEUED and all(states[before] is JobState.SUCCEEDED for before in after)
        }
        assert self.names_in(READY) == ready
        assert self.names_in(LEASES) == set(self.owners)
        if states[""] in (JobState.CANCELING, JobState.CANCELED):
            assert (states[""] is JobState.CANCELING) == bool(self.owners)
        if states[""] in TERMINAL_STATES:
            assert JobState.QUEUED not in states.values()
            assert JobState.RUNNING not in states.values()

    def names_in(self, key: str) -> set[str]:
        members = [str(member).split(" ") for member in self.core.redis.zrange(key, 0, -1)]
        return {name for job, name in members if job == self.job}

    def teardown(self) -> None:
        """Every step in the log is one the table allows, and the last one is where things stand."""
        path: dict[str, list[JobState]] = defaultdict(list)
        for event in events.read(self.core, self.job, None, 10_000):
            path[event.task or ""].append(JobState(event.data["state"]))
        assert path[""][0] is JobState.QUEUED
        for name, steps in path.items():
            steps = steps if name == "" else [JobState.QUEUED, *steps]
            assert all(may_follow(*pair) for pair in pairwise(steps)), (name, steps)
            assert steps[-1] is self.states()[name]
        assert JobState.QUEUED not in path[""][1:]
        self.core.redis.delete(READY, LEASES)


def test_redis_keeps_to_the_table(core: Core, submit_graph: Callable[[dict[str, list[str]]], str]) -> None:
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
