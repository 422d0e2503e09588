"""The events of a job over connections that break."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import redis
from ladd_client.api import LaddClient
from ladd_client.errors import ClientError, ProblemError

from api_schemas.events import JobEvent
from api_schemas.problems import ErrorCode
from api_schemas.runner import LogEvent
from service.core.resources import events


def test_every_event_comes_once_and_in_order_over_broken_connections(
    client: LaddClient, worker: Any, api_proxy: Any
) -> None:
    job = worker.start_ladd()
    worker.run_ladd(job)
    expected = list(client.events(job.id))
    assert len(expected) > 15
    # Cut in the headers, inside an event, between events, and again.
    api_proxy.cuts = [20, 700, 1500, 901, 5]
    with LaddClient(api_proxy.url) as unlucky:
        assert list(unlucky.events(job.id)) == expected
    assert api_proxy.cuts == []
    resumed = [sent for sent in api_proxy.sent if b"last-event-id" in sent.lower()]
    assert resumed
    assert all(any(event.id.encode() in sent for event in expected) for sent in resumed)


def test_events_come_while_the_job_runs(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    heard: list[JobEvent] = []
    first = threading.Event()

    def listen() -> None:
        for event in client.events(job.id):
            heard.append(event)
            if event.task == "train_labeler" and event.type == "progress":
                first.set()

    listening = threading.Thread(target=listen)
    listening.start()
    worker.train_labeler(job.id)
    assert first.wait(30)
    client.cancel(job.id)
    listening.join(30)
    assert not listening.is_alive()
    assert heard[-1].data["state"] == "canceled"


def test_after_an_event_come_only_later_ones(client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    client.cancel(job.id)
    events = list(client.events(job.id))
    assert list(client.events(job.id, after=events[1].id)) == events[2:]
    assert list(client.events(job.id, after=events[-1].id)) == []


def test_messages_with_unusual_line_separators_arrive_whole(client: LaddClient, worker: Any) -> None:
    dataset = worker.upload()
    claimed = worker.claim(dataset.job, "ingest")
    message = "one\u2028two\x85three\x0cfour\nfive: ünï"
    worker.say(claimed, LogEvent(event="log", level="warning", message=message))
    client.cancel(dataset.job)
    logs = [event.data["message"] for event in islice_until_log(client, dataset.job)]
    assert logs == [message]


def islice_until_log(client: LaddClient, job_id: str) -> list[JobEvent]:
    for event in client.events(job_id):
        if event.type == "log":
            return [event]
    return []


def test_an_unknown_job_is_a_problem(client: LaddClient) -> None:
    with pytest.raises(ProblemError) as raised:
        next(client.events("job_" + "0" * 26))
    assert raised.value.problem.code is ErrorCode.NOT_FOUND


def test_it_gives_up_when_connections_bring_nothing(client: LaddClient, worker: Any, api_proxy: Any) -> None:
    job = worker.start_ladd()
    api_proxy.cuts = [0] * 20
    with LaddClient(api_proxy.url, attempts=2) as unlucky, pytest.raises(ClientError, match="no answer"):
        next(unlucky.events(job.id))


def test_a_stream_that_the_server_ends_before_the_job_is_taken_up_again(
    client: LaddClient, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = worker.start_ladd()
    last = events.read(worker.core, job.id, None, 100)[-1]
    read, looks = events.Reader.read, 0

    def look(*arguments: Any) -> list[JobEvent]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise redis.ConnectionError("away for a moment")
        if looks == 4:
            client.cancel(job.id)
        return read(*arguments)

    monkeypatch.setattr(events.Reader, "read", look)
    assert [event.data["state"] for event in client.events(job.id, after=last.id) if event.task is None] == ["canceled"]


def test_something_that_is_not_an_event_is_a_client_error() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'data: {"id": "1-0", "type": "celebration"}\n\n')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        with (
            LaddClient(f"http://127.0.0.1:{server.server_port}") as stranger,
            pytest.raises(ClientError, match="sent something that is not an event"),
        ):
            next(stranger.events("job_" + "0" * 26))
        answering.join()
