"""A core, a hand that works on it, and jobs that hold nothing but tasks."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.foundation.settings import Settings
from service.core.queue.records import JobRecord
from tests.service.core.hand import Hand


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    """The core on empty servers, closed at the end."""
    with closing(open_core(settings)) as core:
        yield core


@pytest.fixture(scope="session")
def hand_of() -> Callable[[Core, Path], Hand]:
    """Make a hand that works on a core, with a folder for its files."""
    return Hand


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    folder = tmp_path / "made"
    folder.mkdir()
    return Hand(core, folder)


@pytest.fixture
def ladd(hand: Hand) -> Job:
    """A `ladd` job over two architectures, of which nothing is done."""
    source = hand.ready_set("source")
    few = {"architectures": ["ConvNetD3", "ResNet18"], "trials": 1, "overrides": {"epochs": 2}}
    return hand.submit("ladd", dataset=hand.ready_set(source_dataset=source), evaluation=few)


@pytest.fixture
def refused() -> Callable[[ErrorCode], Any]:
    """Expect ServiceError with a code."""
    return lambda code: pytest.raises(ServiceError, check=lambda error: error.code is code)


def graph_of(after: dict[str, list[str]], **changed: Any) -> dict[str, Any]:
    """A job with nothing but a graph of tasks."""
    fields = {"stage": "s", "type": "evaluate", "queue": "cpu", "state": "queued"}
    return {
        "key": "",
        "digest": "",
        "key_seconds": 60,
        "retry_of": "",
        "reads": [],
        "uploads": [],
        "makes": [],
        "labelers": {},
        "dataset": False,
        "fields": {
            "kind": "evaluate",
            "state": "queued",
            "created": "0",
            "params": "{}",
            "tags": "{}",
            "datasets": "[]",
        },
        "tasks": [
            {"name": name, "fields": fields | {"after": json.dumps(names), "waiting": str(len(names))}}
            for name, names in after.items()
        ],
    } | changed


@pytest.fixture
def spec_of() -> Callable[..., dict[str, Any]]:
    """The specification of a job with nothing but a graph of tasks."""
    return graph_of


@pytest.fixture
def submit_graph(core: Core) -> Callable[[dict[str, list[str]]], str]:
    """Record a job with nothing but a graph of tasks, and return its id."""

    def submit(after: dict[str, list[str]]) -> str:
        job_id, spec = new_id("job"), graph_of(after)
        spec["fields"] |= JobRecord(job_id, spec["fields"], []).entry.fields
        assert core.store.submit(job_id, spec).outcome == "created"
        return job_id

    return submit
