"""The log of a job is read in pages, and keeps its newest entries."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from api_schemas.events import EventType
from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
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


def test_the_log_does_not_grow_without_end(settings: Settings, submit_graph: SubmitGraph) -> None:
    job_id = submit_graph({"only": []})
    with closing(open_core(settings.model_copy(update={"events_kept": 100}))) as core:
        core.store.claim(job_id, "only", "worker", 30)
        for number in range(500):
            core.store.record(job_id, "only", 1, "row", f'{{"number":{number}}}')
        kept: list[Any] = events.read(core, job_id, None, 1000)
        # Redis drops whole nodes of its stream, so a few more stay.
        assert 100 <= len(kept) <= 250
        assert kept[-1].data == {"number": 499}
