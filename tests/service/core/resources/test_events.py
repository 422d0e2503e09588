"""The events of a job are read in pages; all are kept but progress, of which each task has the last."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from api_schemas.events import EventType
from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.resources import events

SubmitGraph = Callable[[dict[str, list[str]]], str]


def test_pages_follow_each_other(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    for number in range(5):
        assert core.store.record(job_id, "only", 1, "row", f'{{"number":{number}}}')
    everything = events.read(core, job_id, None, 100)
    assert [event.type for event in everything] == [EventType.STATE] * 3 + [EventType.ROW] * 5
    assert [event.data["number"] for event in everything[3:]] == list(range(5))
    assert everything == sorted(everything, key=lambda event: event.time)
    assert events.read(core, job_id, None, 3) == everything[:3]
    assert events.read(core, job_id, everything[2].id, 100) == everything[3:]
    assert events.read(core, job_id, everything[-1].id, 100) == []


@pytest.mark.parametrize(
    "after",
    [
        "",
        "yesterday",
        "1",
        "1-",
        "-",
        "+",
        "1-1 MATCH",
        "18446744073709551616-0",
        "0-99999999999999999999",
        "18446744073709551615-18446744073709551615",
        "١-١",
    ],
)
def test_an_id_that_is_none_is_named(core: Core, submit_graph: SubmitGraph, after: str) -> None:
    with pytest.raises(ServiceError) as caught:
        events.read(core, submit_graph({"only": []}), after, 10)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.reasons[0].location == "query.after"


def test_an_unknown_job_has_no_log(core: Core) -> None:
    with pytest.raises(ServiceError) as caught:
        events.read(core, "job_none", None, 10)
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.slow
def test_progress_pushes_nothing_out(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    for number in range(3):
        assert core.store.record(job_id, "only", 1, "row", f'{{"number":{number}}}')
    for done in range(20_000):
        assert core.store.record(job_id, "only", 1, "progress", f'{{"done":{done}}}')
    *kept, last = events.read(core, job_id, None, 100)
    assert [event.type for event in kept] == [EventType.STATE] * 3 + [EventType.ROW] * 3
    assert (last.type, last.task, last.data) == (EventType.PROGRESS, "only", {"done": 19_999})


def tell(core: Core, job_id: str, task: str, done: int) -> None:
    assert core.store.record(job_id, task, 1, "progress", f'{{"done":{done}}}')


def test_progress_stands_behind_what_it_came_after(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"one": [], "two": []})
    for task in ("one", "two"):
        core.store.claim(job_id, task, "worker", 30)
        tell(core, job_id, task, 1)
    core.store.record(job_id, "one", 1, "row", "{}")
    tell(core, job_id, "two", 2)
    everything = events.read(core, job_id, None, 100)
    story = [(event.type.value, event.task, event.data.get("done")) for event in everything[3:]]
    assert story == [
        ("progress", "one", 1),
        ("state", "two", None),
        ("row", "one", None),
        ("progress", "two", 2),
    ]
    # Whoever goes on after the id of a progress misses nothing that is kept.
    assert everything[3].id == everything[2].id
    assert [event.type for event in events.read(core, job_id, everything[3].id, 100)][1:] == [
        event.type for event in everything[4:]
    ]
    pages = [
        event for after in (None, everything[2].id) for event in events.read(core, job_id, after, 3 if not after else 9)
    ]
    assert pages == everything


def test_a_reader_gets_progress_once_and_then_what_is_new(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"one": [], "two": []})
    for task in ("one", "two"):
        core.store.claim(job_id, task, "worker", 30)
        tell(core, job_id, task, 1)
    reader = events.Reader(core, job_id)
    assert len(reader.read(100)) == 6
    assert reader.read(100) == []
    tell(core, job_id, "one", 2)
    tell(core, job_id, "one", 3)
    assert [(event.task, event.data["done"]) for event in reader.read(100)] == [("one", 3)]


def test_a_task_that_begins_anew_has_no_progress_yet(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    tell(core, job_id, "only", 9)
    core.store.finish(job_id, "only", 1, "released", "", 3)
    assert EventType.PROGRESS not in [event.type for event in events.read(core, job_id, None, 100)]


def test_of_some_types_alone(core: Core, submit_graph: SubmitGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "AT_ONCE", 4)
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    for number in range(10):
        core.store.record(job_id, "only", 1, "metric", "{}")
        core.store.record(job_id, "only", 1, "row", f'{{"number":{number}}}')
    tell(core, job_id, "only", 1)
    rows = events.read(core, job_id, None, 100, {EventType.ROW})
    assert [event.data["number"] for event in rows] == list(range(10))
    reader = events.Reader(core, job_id, None, {EventType.ROW})
    assert reader.read(3) == rows[:3]
    assert (reader.after, reader.is_behind) == (rows[2].id, True)
    assert reader.read(100) == rows[3:]
    both = events.read(core, job_id, None, 100, {EventType.PROGRESS, EventType.METRIC})
    assert [event.type for event in both] == [EventType.METRIC] * 10 + [EventType.PROGRESS]


def test_a_full_history_says_what_it_keeps(settings: Settings, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    with closing(open_core(settings.model_copy(update={"events_kept": 100}))) as core:
        core.store.claim(job_id, "only", "worker", 30)
        for number in range(150):
            core.store.record(job_id, "only", 1, "log", f'{{"level":"info","message":"{number}"}}')
        core.store.record(job_id, "only", 1, "row", "{}")
        *_, before, last_log, warning, row = events.read(core, job_id, None, 1000)
        assert [before.data["message"], last_log.data["message"]] == ["95", "96"]
        assert (warning.type, warning.task, warning.data["level"]) == (EventType.LOG, None, "warning")
        assert "has 100 events: from here on it keeps no logs and metrics" in warning.data["message"]
        assert row.type is EventType.ROW


def test_the_history_does_not_grow_without_end(settings: Settings, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    with closing(open_core(settings.model_copy(update={"events_kept": 100}))) as core:
        core.store.claim(job_id, "only", "worker", 30)
        for number in range(800):
            core.store.record(job_id, "only", 1, "row", f'{{"number":{number}}}')
        kept: list[Any] = events.read(core, job_id, None, 1000)
        # Redis drops whole nodes of its stream, so a few more stay.
        assert 200 <= len(kept) <= 350
        assert kept[-1].data == {"number": 799}


def test_the_events_of_an_earlier_version_are_shown_as_they_are(core: Core, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    core.store.claim(job_id, "only", "worker", 30)
    for done in (1, 2):
        core.redis.xadd(redis_keys.events(job_id), {"type": "progress", "task": "only", "data": f'{{"done":{done}}}'})
    told = [event.data["done"] for event in events.read(core, job_id, None, 100, {EventType.PROGRESS})]
    assert told == [1, 2]
