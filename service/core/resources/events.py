"""The event log of a job: one Redis stream, written by the scripts, whose entry ids are the event ids."""

import json
import re
from datetime import UTC, datetime

from api_schemas.events import EventType, JobEvent
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import invalid, not_found

MAX_PART = 2**64 - 1
"""Above both parts of every id: of 64 bits each."""


def read(core: Core, job_id: str, after: str | None, limit: int, came_as: str = "query.after") -> list[JobEvent]:
    """Return up to `limit` events after the one with id `after` (None: from the oldest kept), oldest first.

    `data` of a `state` event is {"state", and where they apply "attempt", "worker", "error"}; of the others it is
    what the runner's event holds, without `event`. Raises ServiceError NOT_FOUND for an unknown job, INVALID_REQUEST
    naming where `after` came from, `came_as`, for an id that is none.
    """
    if after is not None and not _is_event_id(after):
        raise invalid(came_as, "is_event_id", after, f"{came_as.partition('.')[2]} must be the id of an event")
    pipeline = core.redis.pipeline(transaction=False)
    pipeline.hmget(redis_keys.job(job_id), ["state", "tenant"])
    pipeline.xrange(redis_keys.events(job_id), f"({after}" if after else "-", "+", count=limit)
    (state, owner), entries = pipeline.execute()
    if state is None or not core.store.shows(owner):
        raise not_found("job", job_id)
    return [_event(id, fields) for id, fields in entries]


def _is_event_id(text: str) -> bool:
    parts = re.fullmatch(r"([0-9]{1,20})-([0-9]{1,20})", text)
    # Redis counts in 64 bits, and nothing can come after the last id that there can be.
    return parts is not None and all(int(part) < MAX_PART for part in parts.groups())


def _event(id: str, fields: dict[str, str]) -> JobEvent:
    milliseconds = int(id.partition("-")[0])
    return JobEvent(
        id=id,
        time=datetime.fromtimestamp(milliseconds / 1000, UTC),
        type=EventType(fields["type"]),
        task=fields["task"] or None,
        data=json.loads(fields["data"]),
    )
