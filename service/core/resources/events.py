"""The events of a job: its history, which is kept, and how far its tasks are, of which each has the last value."""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from api_schemas.events import EventType, JobEvent
from service.core.clients import Core
from service.core.foundation.errors import invalid, not_found
from service.core.queue.history import LastProgress

MAX_PART = 2**64 - 1
"""Above both parts of every id: of 64 bits each."""
AT_ONCE = 500
"""Kept events that are read in one call: Redis takes less than a millisecond for them."""

EVERY_TYPE = frozenset(EventType)


class Reader:
    """Reads the events of a job of some types, piece by piece: each kept one once, and progress as it is by then.

    Raises ServiceError INVALID_REQUEST naming where `after` came from, `came_as`, for an id that is none.
    """

    def __init__(
        self,
        core: Core,
        job_id: str,
        after: str | None = None,
        types: Collection[EventType] = EVERY_TYPE,
        came_as: str = "query.after",
    ) -> None:
        if after is not None and not _is_event_id(after):
            raise invalid(came_as, "is_event_id", after, f"{came_as.partition('.')[2]} must be the id of an event")
        self.after = after
        """Id of the last kept event that was looked at; None: of none yet."""
        self.is_behind = True
        """Whether kept events may be left that nobody has looked at."""
        self.is_over = False
        """Whether the end of the job was among them, after which nothing comes."""
        self._core = core
        self._job_id = job_id
        self._types = types
        self._seen = 0 if EventType.PROGRESS in types else None
        self._waiting: dict[str, LastProgress] = {}

    def read(self, limit: int) -> list[JobEvent]:
        """Return up to `limit` kept events, oldest first, each followed by the progress that came after it.

        `data` of a `state` event is {"state", and where they apply "attempt", "worker", "error"}; of the others it is
        what the runner's event holds, without `event`. The id of a progress is that of the kept event before it, so
        that whoever goes on after it misses and repeats none of these. Raises ServiceError NOT_FOUND for no job's id.
        """
        found: list[JobEvent] = []
        since = self.after
        self.is_behind = True
        while self.is_behind and len(found) < limit:
            found += self._look(limit - len(found))
        return sorted([*found, *self._progress(since)], key=lambda event: _place(event.id))

    def _look(self, limit: int) -> list[JobEvent]:
        piece = self._core.store.histories.read(self._job_id, self.after, AT_ONCE, self._seen)
        if piece.state is None or not self._core.store.shows(piece.owner):
            raise not_found("job", self._job_id)
        for told in piece.progress:
            self._seen = told.number
            self._waiting[told.task] = told
        found: list[JobEvent] = []
        for id, fields in piece.kept:
            if len(found) == limit:
                return found
            self.after = id
            of_job = fields["type"] == EventType.STATE and not fields["task"]
            if fields["type"] in self._types or of_job:
                event = _kept(id, fields)
                self.is_over = event.ends_job
                found += [event] if event.type in self._types else []
        self.is_behind = len(piece.kept) == AT_ONCE
        return found

    def _progress(self, since: str | None) -> list[JobEvent]:
        """Return what waited for the kept event behind its own, or for the end of the history."""
        first, last = _place(since or "0-0"), _place(self.after or "0-0")
        passed = [told for told in self._waiting.values() if not self.is_behind or _place(told.after) < last]
        for told in passed:
            del self._waiting[told.task]
        return [_told(told) for told in passed if _place(told.after) >= first]


def read(
    core: Core, job_id: str, after: str | None, limit: int, types: Collection[EventType] = EVERY_TYPE
) -> list[JobEvent]:
    """Return up to `limit` kept events after the one with id `after` (None: from the oldest), with the progress there.

    Raises what `Reader` raises.
    """
    return Reader(core, job_id, after, types).read(limit)


def _is_event_id(text: str) -> bool:
    parts = re.fullmatch(r"([0-9]{1,20})-([0-9]{1,20})", text)
    # Redis counts in 64 bits, and nothing can come after the last id that there can be.
    return parts is not None and all(int(part) < MAX_PART for part in parts.groups())


def _place(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))


def _kept(id: str, fields: Mapping[str, str]) -> JobEvent:
    return _event(id, int(id.partition("-")[0]), fields["type"], fields["task"], fields["data"])


def _told(told: LastProgress) -> JobEvent:
    return _event(told.after, told.milliseconds, EventType.PROGRESS, told.task, told.data)


def _event(id: str, milliseconds: int, type: str, task: str, data: str) -> JobEvent:
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return JobEvent(id=id, time=time, type=EventType(type), task=task or None, data=json.loads(data))
