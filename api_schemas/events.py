"""The job's event log, as server-sent events or as a JSON page."""

from enum import StrEnum
from typing import Any

from api_schemas.base import Page, Response, Timestamp
from api_schemas.jobs import TERMINAL_STATES


class EventType(StrEnum):
    """`state`: the job or a task changed state; `row`: a partial result; the rest come from the runner."""

    STATE = "state"
    PROGRESS = "progress"
    METRIC = "metric"
    LOG = "log"
    ROW = "row"


KEPT = tuple(type for type in EventType if type is not EventType.PROGRESS)
"""The types of which every event is kept; of progress each task has the last."""


class JobEvent(Response):
    """One entry; `id` orders them and is what `Last-Event-ID` takes. `task` is null for the job itself.

    Each that is kept has an `id` of its own; that of a progress is the one of the kept event before it.
    """

    id: str
    time: Timestamp
    type: EventType
    task: str | None
    data: dict[str, Any]

    @property
    def ends_job(self) -> bool:
        """Whether this is the job's own final state, after which nothing comes."""
        return self.type is EventType.STATE and self.task is None and self.data.get("state") in TERMINAL_STATES


class EventPage(Page):
    """`GET /v1/jobs/{id}/events` with `Accept: application/json`."""

    items: list[JobEvent]
