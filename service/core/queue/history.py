"""What happened in a job, as Redis holds it: a stream of what is kept, and beside it how far each task has come.

Progress, two a second and task, would push out everything else: of it only the last is there, in the task's hash. It
stands in the history behind the kept event that it came after.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from service.core.foundation.scripts import register


@dataclass(frozen=True)
class LastProgress:
    """How far a task is. `number` counts the progress of its job."""

    number: int
    task: str
    after: str
    """Id of the kept event before it."""
    milliseconds: int
    """Since 1970."""
    data: str
    """JSON."""


@dataclass(frozen=True)
class Piece:
    """A part of a history, and whose it is."""

    state: str | None
    """Of the job; None: there is none."""
    owner: str | None
    kept: list[tuple[str, Mapping[str, str]]]
    """(id, fields), oldest first."""
    progress: list[LastProgress]
    """Of the tasks that have told any, in the order they told it."""


class Histories:
    """Reads what the scripts have written."""

    def __init__(self, redis: Redis) -> None:
        self._script = register(redis, __package__, "history")

    def read(self, job_id: str, after: str | None, limit: int, seen: int | None) -> Piece:
        """Return up to `limit` kept events after the one with this id, and what progress came after number `seen`.

        None as `after`: from the oldest; as `seen`: no progress.
        """
        state, owner, kept, told = self._script(args=[job_id, after or "", limit, "" if seen is None else seen])
        return Piece(
            state,
            owner,
            [(id, dict(zip(fields[::2], fields[1::2], strict=True))) for id, fields in kept],
            [LastProgress(int(number), task, id, int(at), data) for number, task, id, at, data in told],
        )
