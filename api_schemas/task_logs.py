"""The logs of a task: what its runner told, and why attempts at it failed."""

from typing import Literal

from api_schemas.base import Page, Response, Timestamp
from api_schemas.problems import TaskError


class LogLine(Response):
    """One message, which may have several lines; an `error` is the end of its attempt."""

    attempt: int | None
    """Null where that is not known any more: Redis was lost since."""
    time: Timestamp
    level: Literal["info", "warning", "error"]
    message: str
    """Of an error that a runner died of: with the last lines of its standard error."""


class LogPage(Page):
    """`GET /v1/jobs/{id}/tasks/{name}/logs`, oldest first."""

    items: list[LogLine]


def line_text(line: LogLine, task: str = "") -> str:
    """Return a message as text, its further lines indented."""
    attempt = "" if line.attempt is None else f" attempt {line.attempt}"
    head = f"{line.time:%Y-%m-%dT%H:%M:%S}Z{task and f' {task}'}{attempt} {line.level}: "
    return head + line.message.replace("\n", "\n  ")


def error_message(error: TaskError) -> str:
    """Return why an attempt failed, its reasons below."""
    reasons = [f"{reason.location}: {reason.message}" for reason in error.reasons]
    return "\n".join([f"{error.message} ({error.code}, origin {error.origin})", *reasons])
