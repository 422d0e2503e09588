"""The logs of a task, read off the history of its job and the record of its attempts."""

from collections.abc import Sequence

from api_schemas.events import EventType, JobEvent
from api_schemas.job_parts import Attempt
from api_schemas.task_logs import LogLine, LogPage, error_message
from service.core.clients import Core
from service.core.foundation.errors import existing, invalid
from service.core.resources import events


def read(core: Core, job_id: str, task: str) -> list[LogLine]:
    """Return all messages of a task, oldest first. Raises ServiceError NOT_FOUND."""
    job = existing(core.store.load(job_id, [task]), "job", job_id)
    attempts = existing(job.task(task), f"task of {job_id}", task).attempts
    told = events.read(core, job_id, None, 2 * core.settings.events_kept, {EventType.LOG})
    logs = [_line(event, attempts) for event in told if event.task == task]
    return sorted([*logs, *_errors(attempts)], key=lambda line: line.time)


def page(core: Core, job_id: str, task: str, cursor: str | None, limit: int) -> LogPage:
    """Return up to `limit` messages after `cursor`; raises what `read` raises, and INVALID_REQUEST for a wrong one."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise invalid("query.cursor", "is_cursor", cursor, "cursor must be the next_cursor of an earlier page")
    lines, start = read(core, job_id, task), int(cursor or 0)
    end = start + limit
    return LogPage(items=lines[start:end], next_cursor=str(end) if end < len(lines) else None)


def _line(event: JobEvent, attempts: Sequence[Attempt]) -> LogLine:
    begun = [attempt.number for attempt in attempts if attempt.started_at <= event.time]
    return LogLine(attempt=begun[-1] if begun else None, time=event.time, **event.data)


def _errors(attempts: Sequence[Attempt]) -> list[LogLine]:
    return [
        LogLine(attempt=each.number, time=each.finished_at, level="error", message=error_message(each.error))
        for each in attempts
        if each.error is not None and each.finished_at is not None
    ]
