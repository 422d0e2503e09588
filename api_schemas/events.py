"""The job's event log, as server-sent events or as a JSON page."""

from enum import StrEnum
from typing import Any

from api_schemas.base import Page, Response, Timestamp


class EventType(StrEnum):
    """`state`: the job or a task changed state; `row`: a partial result; the rest come from the runner."""

    STATE = "state"
    PROGRESS = "progress"
    METRIC = "metric"
    LOG = "log"
    ROW = "row"


class JobEvent(Response):
    """One entry; `id` orders them and is what `Last-Event-ID` takes. `task` is null for the job itself."""

    id: str
    time: Timestamp
    type: EventType
    task: str | None
    data: dict[str, Any]


class EventPage(Page):
    """`GET /v1/jobs/{id}/events` with `Accept: application/json`."""

    items: list[JobEvent]
