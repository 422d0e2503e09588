"""Pages of ids: newest first, continued after the last id of the page before."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis

from api_schemas.problems import ErrorCode
from service.core.errors import ServiceError, reason

BATCH = 100
"""Ids looked up at a time while a filter is searched for."""

Entry = TypeVar("Entry")


def page_of(
    redis: Redis,
    listing: str,
    cursor: str | None,
    limit: int,
    load: Callable[[Sequence[str]], Sequence[tuple[str, Entry]]],
    wanted: Callable[[Entry], bool],
) -> tuple[list[Entry], str | None]:
    """Return up to `limit` wanted entries of a sorted set of ids, and the cursor of the next page.

    `load` maps ids to pairs (id, entry), leaving out those that are gone. Ids sort by time, so that a page stays
    where it is while newer entries arrive. Raises ServiceError INVALID_REQUEST naming `query.cursor`.
    """
    if cursor is not None and not re.fullmatch("[a-z]{2,3}_[0-9a-z]{26}", cursor):
        message = "cursor must be the next_cursor of an earlier page"
        raise ServiceError(ErrorCode.INVALID_REQUEST, message, [reason("query.cursor", "is_cursor", cursor, message)])
    found: list[tuple[str, Entry]] = []
    end = f"({cursor}" if cursor else "+"
    while len(found) <= limit:
        ids = [str(id) for id in redis.zrevrangebylex(listing, end, "-", start=0, num=BATCH)]
        found += [(id, entry) for id, entry in load(ids) if wanted(entry)]
        if len(ids) < BATCH:
            break
        end = f"({ids[-1]}"
    return [entry for _, entry in found[:limit]], found[limit - 1][0] if len(found) > limit else None
