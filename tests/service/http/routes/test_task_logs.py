"""`/v1/jobs/{id}/tasks/{name}/logs`, as text and as pages."""

from typing import Any

import httpx
import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import LogEvent
from service.core.clients import Core
from service.core.lifecycle import tasks

DIED = "the runner ended without a result (signal 9: Killed)\nlast words"


@pytest.fixture
def job(api: httpx.Client, worker: Any) -> dict[str, Any]:
    """The training of a labeler, queued."""
    params = {"source_dataset": worker.ready_set("source")}
    started: dict[str, Any] = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()
    return started


@pytest.fixture
def logs(core: Core, worker: Any, job: dict[str, Any]) -> str:
    """Address of the logs of a task that a worker died at, and another one is at."""
    first = worker.claim(job["id"], "train_labeler")
    say(core, first, "one", "two")
    error = TaskError(code=ErrorCode.RUNNER_FAILED, origin=ErrorOrigin.WORKER, message=DIED, reasons=[])
    assert tasks.fail(core, first, error)
    say(core, worker.claim(job["id"], "train_labeler"), "three\nlines")
    return f"{job['links']['self']}/tasks/train_labeler/logs"


def say(core: Core, claimed: Any, *messages: str) -> None:
    for message in messages:
        assert tasks.record(core, claimed, LogEvent(event="log", level="info", message=message))


def test_messages_of_every_attempt_and_why_it_failed(api: httpx.Client, logs: str) -> None:
    found = api.get(logs).json()
    assert found["next_cursor"] is None
    assert [(line["attempt"], line["level"], line["message"]) for line in found["items"]] == [
        (1, "info", "one"),
        (1, "info", "two"),
        (1, "error", DIED + " (runner_failed, origin worker)"),
        (2, "info", "three\nlines"),
    ]


def test_as_text(api: httpx.Client, logs: str) -> None:
    answer = api.get(logs, headers={"Accept": "text/plain"})
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    first, *_, last, more = answer.text.splitlines()
    assert first.endswith("Z attempt 1 info: one")
    assert last.endswith("Z attempt 2 info: three")
    assert more == "  lines"
    assert "\n  last words (runner_failed, origin worker)\n" in answer.text
    tail = api.get(logs, headers={"Accept": "text/plain"}, params={"tail": 1})
    assert tail.text == f"{last}\n{more}\n"


def test_pages_and_the_end(api: httpx.Client, logs: str) -> None:
    everything = api.get(logs).json()["items"]
    first = api.get(logs, params={"limit": 3}).json()
    rest = api.get(logs, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert (first["items"] + rest["items"], rest["next_cursor"]) == (everything, None)
    last = api.get(logs, params={"tail": 2}).json()
    assert (last["items"], last["next_cursor"]) == (everything[-2:], None)


@pytest.mark.parametrize(
    ("params", "location", "rule"),
    [
        ({"cursor": "1", "tail": "1"}, "query.tail", "tail_or_cursor"),
        ({"cursor": "x"}, "query.cursor", "is_cursor"),
        ({"cursor": "٣"}, "query.cursor", "is_cursor"),
    ],
)
def test_what_cannot_be_is_named(
    api: httpx.Client, logs: str, params: dict[str, str], location: str, rule: str
) -> None:
    answer = api.get(logs, params=params)
    assert answer.status_code == 422
    [reason] = answer.json()["reasons"]
    assert (reason["location"], reason["rule"]) == (location, rule)


def test_a_task_that_there_is_not_and_another_type(api: httpx.Client, logs: str) -> None:
    answer = api.get(logs.replace("train_labeler", "evaluate"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = api.get(logs, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
