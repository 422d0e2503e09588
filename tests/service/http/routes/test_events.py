"""`/v1/jobs/{id}/events`, as a stream and as a page."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import LogEvent, ProgressEvent
from service.core.clients import Core
from service.core.lifecycle import tasks
from service.core.queue import store
from service.http.routes import events as route

FAILURE = TaskError(code=ErrorCode.INTERNAL, origin=ErrorOrigin.INPUT, message="it broke", reasons=[])


@pytest.fixture
def job(api: httpx.Client, worker: Any) -> dict[str, Any]:
    """The training of a labeler, queued."""
    params = {"source_dataset": worker.ready_set("source")}
    started: dict[str, Any] = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()
    return started


def run(core: Core, worker: Any, job_id: str) -> None:
    claimed = worker.claim(job_id, "train_labeler")
    for done in (10, 20):
        tasks.record(
            core,
            claimed,
            ProgressEvent(
                event="progress", stage="train_labeler", done=done, total=20, unit="images", rate=None, eta_seconds=None
            ),
        )
    tasks.record(core, claimed, LogEvent(event="log", level="info", message="two\nlines"))
    path = worker.folder / "epoch_010.safetensors"
    path.write_bytes(b"weights")
    epoch = {
        "epoch": 10,
        "train_loss": 0.5,
        "train_accuracy": 80.0,
        "val_accuracy": 70.0,
        "mean_entropy": 0.7,
        "seconds": 1.0,
        "checkpoint": path.name,
    }
    assert tasks.succeed(core, claimed, {"epochs": [epoch], "flops": 1}, {path.name: path})


def read_stream(response: httpx.Response) -> Iterator[dict[str, str]]:
    """Yield the fields of each server-sent event that has data; comments under the key ''."""
    event: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            field, _, value = line.partition(":")
            event[field] = event[field] + "\n" + value[1:] if field in event else value[1:]
        elif event:
            yield event
            event = {}


def streamed(api: httpx.Client, link: str, **headers: str) -> list[dict[str, str]]:
    with api.stream("GET", link, headers={"Accept": "text/event-stream", **headers}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-cache"
        return list(read_stream(response))


def test_stream_follows_a_job_to_its_end(api: httpx.Client, core: Core, worker: Any, job: dict[str, Any]) -> None:
    received: list[dict[str, str]] = []
    reader = threading.Thread(target=lambda: received.extend(streamed(api, job["links"]["events"])))
    reader.start()
    time.sleep(0.5)
    run(core, worker, job["id"])
    reader.join(30)
    assert not reader.is_alive(), "the stream ends with the job"

    assert "retry" in received.pop(0)
    documents = [json.loads(event["data"]) for event in received]
    assert [event["id"] for event in received] == [document["id"] for document in documents]
    assert [event["event"] for event in received] == [document["type"] for document in documents]
    # Of what a task tells between two looks, the last.
    assert [document["data"]["done"] for document in documents if document["type"] == "progress"][-1] == 20
    assert [document["data"]["message"] for document in documents if document["type"] == "log"] == ["two\nlines"]
    states = [
        document["data"]["state"] for document in documents if (document["task"], document["type"]) == (None, "state")
    ]
    assert states == ["queued", "running", "succeeded"]
    assert documents[-1]["data"]["state"] == "succeeded"


def test_reader_resumes_where_it_stopped(api: httpx.Client, core: Core, worker: Any, job: dict[str, Any]) -> None:
    run(core, worker, job["id"])
    link = job["links"]["events"]
    everything = streamed(api, link)[1:]
    middle = everything[2]["id"]
    assert streamed(api, link, **{"Last-Event-ID": middle})[1:] == everything[3:]
    assert streamed(api, f"{link}?after={middle}")[1:] == everything[3:]
    # A browser repeats the address it was given, and adds how far it has come since.
    assert streamed(api, f"{link}?after={everything[0]['id']}", **{"Last-Event-ID": middle})[1:] == everything[3:]


def test_reader_with_everything_is_told_not_to_come_back(
    api: httpx.Client, core: Core, worker: Any, job: dict[str, Any]
) -> None:
    run(core, worker, job["id"])
    last = streamed(api, job["links"]["events"])[-1]["id"]
    answer = api.get(job["links"]["events"], headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


def test_json_pages(api: httpx.Client, core: Core, worker: Any, job: dict[str, Any]) -> None:
    run(core, worker, job["id"])
    json_only = {"Accept": "application/json"}
    everything = api.get(job["links"]["events"], headers=json_only).json()
    assert everything["next_cursor"] is None
    first = api.get(job["links"]["events"], headers=json_only, params={"limit": 3}).json()
    assert first["items"] == everything["items"][:3]
    assert first["next_cursor"] == first["items"][-1]["id"]
    rest = api.get(job["links"]["events"], headers=json_only, params={"after": first["next_cursor"]}).json()
    assert rest["items"] == everything["items"][3:]


def test_progress_is_told_live_and_last_to_newcomers(
    api: httpx.Client, core: Core, worker: Any, job: dict[str, Any], wait_until: Any
) -> None:
    claimed = worker.claim(job["id"], "train_labeler")
    heard: list[int] = []

    def hear() -> None:
        with api.stream("GET", f"{job['links']['events']}?type=progress") as response:
            heard.extend(
                json.loads(event["data"])["data"]["done"] for event in read_stream(response) if "data" in event
            )

    reader = threading.Thread(target=hear)
    reader.start()
    for done in (5, 6):
        progress = {"stage": "train_labeler", "done": done, "total": 9, "unit": "images", "rate": None}
        tasks.record(core, claimed, ProgressEvent(event="progress", eta_seconds=None, **progress))
        wait_until(lambda done=done: done in heard)
    only_progress = {"type": "progress"}
    page = api.get(job["links"]["events"], headers={"Accept": "application/json"}, params=only_progress).json()
    assert [(event["task"], event["data"]["done"]) for event in page["items"]] == [("train_labeler", 6)]
    tasks.fail(core, claimed, FAILURE)
    reader.join(30)
    assert not reader.is_alive(), "the stream ends with the job, though its end is of another type"
    assert heard == [5, 6]


def test_only_events_of_the_types_asked_for(api: httpx.Client, core: Core, worker: Any, job: dict[str, Any]) -> None:
    run(core, worker, job["id"])
    link = f"{job['links']['events']}?type=log&type=state"
    received = streamed(api, link)[1:]
    assert {event["event"] for event in received} == {"log", "state"}
    page = api.get(link, headers={"Accept": "application/json"}).json()
    assert page["items"] == [json.loads(event["data"]) for event in received]
    # Nothing is left behind the last of them: the end of the job is of another type.
    logs = f"{job['links']['events']}?type=log"
    (only,) = streamed(api, logs)[1:]
    assert api.get(logs, headers={"Last-Event-ID": only["id"]}).status_code == 204


def test_a_type_that_there_is_not_is_named(api: httpx.Client, job: dict[str, Any]) -> None:
    answer = api.get(job["links"]["events"], params={"type": "noise"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["reasons"][0]["location"] == "query.type"


def test_other_types_are_not_acceptable(api: httpx.Client, job: dict[str, Any]) -> None:
    answer = api.get(job["links"]["events"], headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_malformed_event_id_is_named(api: httpx.Client, job: dict[str, Any], accept: str) -> None:
    answer = api.get(job["links"]["events"], headers={"Accept": accept}, params={"after": "yesterday"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("sent", ["18446744073709551616-0", "yesterday"])
def test_the_header_of_an_id_that_cannot_be_one_is_named(
    api: httpx.Client, job: dict[str, Any], accept: str, sent: str
) -> None:
    answer = api.get(job["links"]["events"], headers={"Accept": accept, "Last-Event-ID": sent})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    [reason] = answer.json()["reasons"]
    assert (reason["location"], reason["rule"], reason["value"]) == ("header.Last-Event-ID", "is_event_id", sent)


def test_silent_stream_is_kept_alive(api: httpx.Client, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "KEEPALIVE_SECONDS", 0.1)
    with api.stream("GET", job["links"]["events"]) as response:
        assert any("" in event for event in read_stream(response))


def test_looking_ends_when_the_reader_leaves(
    wait_until: Any, api: httpx.Client, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = store.versions

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return look(*arguments)

    monkeypatch.setattr("service.http.job_versions.versions", counted)
    monkeypatch.setattr(route, "POLL_SECONDS", 0.01)
    with api.stream("GET", job["links"]["events"]) as response:
        reader = read_stream(response)
        next(reader)
        wait_until(lambda: looks > 5)
    time.sleep(0.5)
    after_leaving = looks
    time.sleep(0.5)
    assert looks == after_leaving


def test_many_silent_readers_do_not_block_other_requests(api: httpx.Client, job: dict[str, Any]) -> None:
    """More readers than the server has threads."""
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(base_url=api.base_url, limits=limits, timeout=30, trust_env=False) as readers:
        streams = [readers.send(readers.build_request("GET", job["links"]["events"]), stream=True) for _ in range(60)]
        assert {stream.status_code for stream in streams} == {200}
        assert api.get("/v1/jobs", timeout=10).status_code == 200
        for stream in streams:
            stream.close()
