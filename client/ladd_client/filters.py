"""What the lists of jobs, sets and labelers are filtered by, all together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict


class Filters(TypedDict, total=False):
    """The filters that every list has."""

    tags: Mapping[str, str] | None
    """All must match."""
    name: str | None
    """Each of its words, or beginnings of words, is in the name; capitals do not matter."""
    created_after: datetime | None
    """From this moment on; without a time zone it is this machine's."""
    created_before: datetime | None
    """Before this moment."""


def query(filters: Filters) -> dict[str, Any]:
    """Return the filters as query parameters."""
    tags = filters.get("tags") or {}
    times = {name: filters.get(name) for name in ("created_after", "created_before")}
    # Without a time zone it becomes this machine's.
    moments = {name: time.astimezone().isoformat() for name, time in times.items() if isinstance(time, datetime)}
    return {"tag": [f"{name}:{value}" for name, value in tags.items()], "name": filters.get("name"), **moments}


def several(states: str | Sequence[str] | None) -> list[str]:
    """Return one state, several or none (any at all) as a list."""
    return [] if states is None else [states] if isinstance(states, str) else list(states)
