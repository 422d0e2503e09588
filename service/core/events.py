"""The event log of a job: one Redis stream, whose entry ids are the event ids."""

from typing import Any

from api_schemas.events import EventType, JobEvent
from service.core.core import Core


def append(core: Core, job_id: str, type: EventType, task: str | None, data: dict[str, Any]) -> None:
    """Add one event at the end; the oldest beyond `events_kept` are dropped."""


def read(core: Core, job_id: str, after: str | None, limit: int) -> list[JobEvent]:
    """Return up to `limit` events after the one with id `after` (None: from the oldest kept), oldest first.

    Raises ServiceError NOT_FOUND for an unknown job, INVALID_REQUEST naming `after` for a malformed id.
    """
    raise NotImplementedError


def wait(core: Core, job_id: str, after: str | None, timeout: float) -> list[JobEvent]:
    """As `read`, but block for up to `timeout` seconds until there is something to return."""
    raise NotImplementedError
