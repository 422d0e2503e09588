"""Pages of a listing by time: newest first, continued after the last member of the page before."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis

from service.core.foundation.errors import invalid

BATCH = 100
"""Members looked up at a time while a filter is searched for."""

Entry = TypeVar("Entry")


def page_of(
    redis: Redis,
    listing: str,
    cursor: str | None,
    limit: int,
    load: Callable[[Sequence[str]], Sequence[tuple[str, Entry]]],
    wanted: Callable[[Entry], bool],
) -> tuple[list[Entry], str | None]:
    """Return up to `limit` wanted entries of a sorted set, and the cursor of the next page.

    Its members are ids, or ids after a time and a dot; `load` maps them to pairs (member, entry), leaving out those
    that are gone. A page stays where it is while newer entries arrive and others go. Raises ServiceError
    INVALID_REQUEST naming `query.cursor`.
    """
    if cursor is not None and not re.fullmatch(r"([0-9.]{1,20}\.)?[a-z]{2,3}_[0-9a-z]{26}", cursor):
        raise invalid("query.cursor", "is_cursor", cursor, "cursor must be the next_cursor of an earlier page")
    found: list[tuple[str, Entry]] = []
    end = f"({cursor}" if cursor else "+"
    while len(found) <= limit:
        members = [str(member) for member in redis.zrevrangebylex(listing, end, "-", start=0, num=BATCH)]
        found += [(member, entry) for member, entry in load(members) if wanted(entry)]
        if len(members) < BATCH:
            break
        end = f"({members[-1]}"
    return [entry for _, entry in found[:limit]], found[limit - 1][0] if len(found) > limit else None
